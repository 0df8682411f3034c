//! Postgres finds with a translated pattern what the `regex` crate finds with the pattern itself.

use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use regex::Regex;
use sqlx::PgConnection;
use tokio::runtime::Runtime;

use super::database;
use crate::q::pattern::{Error, Pattern};

/// Letters whose cases fold in unusual ways, ends of lines and words, and what is special in either dialect.
const CHARACTERS: &str = "aAbkK\u{212a}sSſßéÉ1٣_ -\n\r\t.^$*+?()[]{}|\\/&~:=!<>,'\"İıΣςσ\u{a0}\u{301}𝒜😀\u{1}\u{7f}";

fn character() -> impl Strategy<Value = char> {
    select(CHARACTERS.chars().collect::<Vec<_>>())
}

fn subject() -> impl Strategy<Value = String> {
    let words = select(vec!["a b", "ab", "\r\n", "a\nb", "aaa", "é1_", "."]).prop_map(str::to_owned);
    vec(prop_oneof![3 => character().prop_map(String::from), 1 => words], 0..6).prop_map(|parts| parts.concat())
}

fn atom() -> impl Strategy<Value = String> {
    let set = select(vec![
        ".", r"\d", r"\D", r"\w", r"\W", r"\s", r"\S", "[a-c]", "[^b]", "[[:alpha:]]", "[^[:space:]]", r"\pL", r"\PL", r"\p{Greek}",
        r"[a-z&&[^b]]", r"[\]\[\-\^\\]", "(?-u:[a-z])", "(?s:.)", "(?s-u:.)", "(?i:[a-k])", r"\x{1D49C}", "[😀-😎]", "[]a]", "[^]a]", r"[\s\S]",
        r"[^\s\S]", "(?i:σ)", "(?i:ß)", "(?i:k)", r"\n",
    ]);
    let look = select(vec![
        "^", "$", r"\A", r"\z", r"\b", r"\B", "(?m:^)", "(?m:$)", "(?mR:^)", "(?mR:$)", r"\b{start}", r"\b{end}", r"\b{start-half}",
        r"\b{end-half}", r"(?-u:\b)", r"(?-u:\B)", r"(?-u:\b{start})", r"(?-u:\b{end})", "()", "(?:)",
    ]);
    prop_oneof![
        4 => character().prop_map(|c| regex_syntax::escape(&c.to_string())),
        3 => set.prop_map(str::to_owned),
        2 => look.prop_map(str::to_owned),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    atom().prop_recursive(4, 12, 3, |inner| {
        let repetition =
            select(vec!["*", "+", "?", "{2}", "{0}", "{0,1}", "{1,3}", "{2,}", "{0,300}", "{260}", "{256,}", "*?", "+?", "{1,2}?"]);
        let group = select(vec!["(?:", "(", "(?i:", "(?s:", "(?U:", "(?m:", "(?P<name>"]);
        prop_oneof![
            3 => vec(inner.clone(), 1..4).prop_map(|parts| parts.concat()),
            2 => vec(inner.clone(), 1..4).prop_map(|parts| format!("(?:{})", parts.join("|"))),
            2 => (inner.clone(), repetition).prop_map(|(inner, times)| format!("(?:{inner}){times}")),
            1 => (inner, group).prop_map(|(inner, group)| format!("{group}{inner})")),
        ]
    })
}

/// Which of the texts Postgres finds a match in.
async fn matches(connection: &mut PgConnection, pattern: &str, texts: &[String]) -> Result<Vec<bool>, sqlx::Error> {
    let sql = "select text collate \"C\" ~ $1 from unnest($2::text[]) with ordinality as t(text, n) order by n";
    sqlx::query_scalar(sql).bind(pattern).bind(texts).fetch_all(connection).await
}

#[test]
fn postgres_and_regex_find_the_same() {
    let runtime = Runtime::new().expect("a runtime");
    let connection = tokio::sync::Mutex::new(runtime.block_on(database::connect()));
    let mut runner = TestRunner::new(ProptestConfig::with_cases(1_500));
    let outcome = runner.run(&(pattern(), vec(subject(), 12)), |(source, mut texts)| {
        // Names of groups may repeat, which is an error of its own.
        let Ok(regex) = Regex::new(&source) else { return Err(TestCaseError::reject("not in the dialect")) };
        let pattern = match Pattern::parse(&source) {
            Err(Error::TooComplex) => return Err(TestCaseError::reject("too complex")),
            parsed => parsed.expect("what regex takes is taken"),
        };
        texts.extend(["a".repeat(259), "a".repeat(260), "a".repeat(300), "b".repeat(301)]);
        runtime.block_on(async {
            let mut connection = connection.lock().await;
            let expected: Vec<bool> = texts.iter().map(|text| regex.is_match(text)).collect();
            let found = matches(&mut connection, pattern.exact(), &texts).await.map_err(|error| TestCaseError::fail(error.to_string()))?;
            prop_assert_eq!(&found, &expected, "{} as {} on {:?}", source, pattern.exact(), texts);

            let whole = [texts.join("\n")];
            let candidate = matches(&mut connection, pattern.candidates(), &whole).await.expect("a pattern");
            prop_assert!(candidate[0] || !expected.contains(&true), "{} as {}", source, pattern.candidates());
            Ok(())
        })
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn what_cannot_be_run_is_refused_with_its_construct() {
    let cases = [
        ("a(?=b)", "look-around, including look-ahead and look-behind, is not supported, at its character 2"),
        (r"(a)\1", "backreferences are not supported, at its character 4"),
        ("[", "unclosed character class, at its character 1"),
        ("é[z-a]", "invalid character class range, the start must be <= the end, at its character 3"),
        (r"(?-u:\xff)", "pattern can match invalid UTF-8, at its character 6"),
        (r"((\w{30}){30}){30}", "it is too large when its repetitions are written out"),
        ("a{1001}", "it is too large when its repetitions are written out"),
        (&"a".repeat(1_001), "it has more than 1000 characters"),
        (&format!("{}{}", "(".repeat(60), ")".repeat(60)), "exceed the maximum number of nested parentheses/brackets (50), at its character 51"),
    ];
    for (source, expected) in cases {
        let refused = Pattern::parse(source).expect_err(source);
        assert_eq!(refused.to_string(), expected, "{source}");
    }
}

#[tokio::test]
async fn zz_scratch() {
    let mut connection = database::connect().await;
    let texts = ["Golden customers of the shop in Berlin ".repeat(20), "a".repeat(5000)];
    for source in [ r"(\b\w*){30}x", r"(\b|a){37}x", r"(\B|a|\b){18}x", r"((?m:^)|a|(?m:$)){18}", r"((?Rm:^)|a|(?mR:$)){18}x", r"(^|a|$){18}x", r"(\b\w*\b){16}x", r"(\b\b\b){12}x", r"(\b*){30}x", r"(\b?a?){25}x",
    r"(\b?a*){25}", r"(a*|\b|b*){25}x", r"((\b|a*)*){30}x", r"((\b|a*)+b?){24}$", r"(\b\B|a){18}x",
    ] {
        let pattern = match Pattern::parse(source) { Ok(p) => p, Err(e) => { eprintln!("{source}: {e}"); continue; } };
        let started = std::time::Instant::now();
        let found = matches(&mut connection, pattern.exact(), &texts).await;
        eprintln!("{source} [{}] {:?} {:?}", pattern.exact().len(), started.elapsed(), found.map_err(|e| e.to_string()));
    }
}
