//! Postgres finds with a translated pattern what the `regex` crate finds with the pattern itself.

use proptest::{collection::vec, prelude::*, sample::select, test_runner::TestRunner};
use regex::Regex;
use sqlx::PgConnection;
use tokio::runtime::Runtime;

use super::{database, generators};
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
        ".",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        "[a-c]",
        "[^b]",
        "[[:alpha:]]",
        "[^[:space:]]",
        r"\pL",
        r"\PL",
        r"\p{Greek}",
        r"[a-z&&[^b]]",
        r"[\]\[\-\^\\]",
        "(?-u:[a-z])",
        "(?s:.)",
        "(?s-u:.)",
        "(?i:[a-k])",
        r"\x{1D49C}",
        "[😀-😎]",
        "[]a]",
        "[^]a]",
        r"[\s\S]",
        r"[^\s\S]",
        "(?i:σ)",
        "(?i:ß)",
        "(?i:k)",
        r"\n",
    ]);
    let look = select([&LOOKS[..], &["()", "(?:)"]].concat());
    prop_oneof![
        4 => character().prop_map(|c| regex_syntax::escape(&c.to_string())),
        3 => set.prop_map(str::to_owned),
        2 => look.prop_map(str::to_owned),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    atom().prop_recursive(4, 12, 3, |inner| {
        let repetition = select(vec![
            "*", "+", "?", "{2}", "{0}", "{0,1}", "{1,3}", "{2,}", "{0,300}", "{260}", "{256,}", "*?", "+?", "{1,2}?",
        ]);
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

/// Far more than any pattern may take.
async fn connect_with_timeout() -> PgConnection {
    let mut connection = database::connect().await;
    sqlx::query("set statement_timeout = '5s'").execute(&mut connection).await.expect("a setting");
    connection
}

#[test]
fn postgres_and_regex_find_the_same() {
    let runtime = Runtime::new().expect("a runtime");
    let connection = tokio::sync::Mutex::new(runtime.block_on(connect_with_timeout()));
    let mut runner = TestRunner::new(ProptestConfig { max_global_rejects: 20_000, ..generators::config(1_500) });
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
            let found = matches(&mut connection, pattern.exact(), &texts)
                .await
                .map_err(|error| TestCaseError::fail(error.to_string()))?;
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
        (r"(a?){151}", "it is too large when its repetitions are written out"),
        (r"(\b|a){7}", "it is too large when its repetitions are written out"),
        ("a{1001}", "it is too large when its repetitions are written out"),
        (&"a".repeat(1_001), "it has more than 1000 characters"),
        (
            &format!("{}{}", "(".repeat(60), ")".repeat(60)),
            "exceed the maximum number of nested parentheses/brackets (50), at its character 51",
        ),
    ];
    for (source, expected) in cases {
        let refused = Pattern::parse(source).expect_err(source);
        assert_eq!(refused.to_string(), expected, "{source}");
    }
}

const LOOKS: [&str; 18] = [
    "^",
    "$",
    r"\A",
    r"\z",
    r"\b",
    r"\B",
    "(?m:^)",
    "(?m:$)",
    "(?mR:^)",
    "(?mR:$)",
    r"\b{start}",
    r"\b{end}",
    r"\b{start-half}",
    r"\b{end-half}",
    r"(?-u:\b)",
    r"(?-u:\B)",
    r"(?-u:\b{start})",
    r"(?-u:\b{end})",
];

#[tokio::test]
async fn every_condition_on_every_short_text_is_found_alike() {
    const LETTERS: [&str; 5] = ["a", "é", "-", "\r", "\n"];
    let longer = |texts: &[String]| -> Vec<String> {
        texts.iter().flat_map(|text| LETTERS.map(|letter| format!("{text}{letter}"))).collect()
    };
    let ones = LETTERS.map(str::to_owned).to_vec();
    let (twos, threes) = (longer(&ones), longer(&longer(&ones)));
    let texts: Vec<String> = [vec![String::new()], ones, twos, threes].concat();
    let mut connection = connect_with_timeout().await;
    for look in LOOKS {
        for before in ["", "a", "é", "-", "\\r", "\\n"] {
            for after in ["", "a", "-", "\\r", "\\n"] {
                let source = format!("{before}{look}{after}");
                let regex = Regex::new(&source).expect(&source);
                let expected: Vec<bool> = texts.iter().map(|text| regex.is_match(text)).collect();
                let pattern = Pattern::parse(&source).expect(&source);
                let found = matches(&mut connection, pattern.exact(), &texts).await.expect(&source);
                assert_eq!(found, expected, "{source}");
            }
        }
    }
}

#[tokio::test]
async fn patterns_at_the_limits_are_compiled_quickly() {
    let patterns = [
        r"[a-z]{1000}",
        r"\w{200}",
        r"(?i)[^x]{200}\d",
        r"(\w?){149}b",
        r"(\w*\d*){74}",
        r"(a{0,7}b?){70}",
        r"(a|b?|c*){60}x",
        r"(\b\w*){6}x",
        r"(a*|\b|b*){6}x",
        r"((\b|a*)+b?){2}$",
        r"(\b\w+\b ){74}x",
        r"((\b|^|$)\w+(\b|^|$) ){20}x",
        r"(x+x+)+y",
        r"(a|b)*a(a|b){200}",
    ];
    let texts = ["Golden customers of the shop in Berlin ".repeat(20), "a".repeat(5_000)];
    let mut connection = connect_with_timeout().await;
    for source in patterns {
        let pattern = Pattern::parse(source).expect(source);
        let found = matches(&mut connection, pattern.exact(), &texts).await.expect(source);
        let regex = Regex::new(source).expect(source);
        assert_eq!(found, texts.each_ref().map(|text| regex.is_match(text)), "{source}");
    }
}
