//! What is parsed, what is refused, and that printing loses nothing.

use proptest::prelude::*;

use super::generators;
use crate::q::{
    Query,
    ast::{Clause, Path, Test},
    pattern::Pattern,
    scalar::Scalar,
};

fn printed(text: &str) -> String {
    Query::parse(text).unwrap_or_else(|error| panic!("{text}: {error}")).to_string()
}

#[test]
fn queries_are_read_as_the_grammar_says() {
    let cases = [
        ("", ""),
        (" \t\n ", ""),
        ("status:ACTIVE", "status:(ACTIVE)"),
        (" status:ACTIVE   siteCode:main ", "status:(ACTIVE) siteCode:(main)"),
        ("id:(a,b)", "id:(a,b)"),
        ("id:( a , \"b c\" )", "id:(a,\"b c\")"),
        ("id:in(a,b)", "id:(a,b)"),
        ("id:in", "id:(in)"),
        ("name.en-US:\"say \\\"hi\\\" \\n\"", "name.en-US:(\"say \\\"hi\\\" n\")"),
        ("description:null", "description:missing"),
        ("description:\"null\"", "description:(\"null\")"),
        ("description:(null)", "description:(null)"),
        ("description:exists", "description:exists"),
        ("metadata.version:>1", "metadata.version:(>1)"),
        ("metadata.version:>= 1", "metadata.version:(>=1)"),
        ("metadata.version:(>=1 AND <=2)", "metadata.version:(>=1 AND <=2)"),
        ("metadata.version:( > 1 )", "metadata.version:(>1)"),
        ("metadata.createdAt:>2024-04-17T08:00:00Z", "metadata.createdAt:(>2024-04-17T08:00:00Z)"),
        ("name:~^Gold", "name:(~^Gold)"),
        ("name:(~Golden Seg)", "name:(~Golden Seg)"),
        ("name:~(Golden Seg)", "name:(~(Golden Seg))"),
        ("name:~(a b)[c d]\\ e f:x", "name:(~(a b)[c d]\\ e) f:(x)"),
        ("name:~a[)]b", "name:(~a[)]b)"),
        ("name:~[]) ]", "name:(~[]) ])"),
        ("name:(~\\))", "name:(~\\))"),
        ("mixins.a-b_c.1:x:y/z@ü", "mixins.a-b_c.1:(x:y/z@ü)"),
    ];
    for (text, expected) in cases {
        assert_eq!(printed(text), expected, "{text}");
    }
}

#[test]
fn a_group_around_the_whole_pattern_changes_nothing() {
    let exact = |text: &str| match Query::parse(text).expect(text).clauses.remove(0).test {
        Test::Matches(pattern) => pattern.exact().to_owned(),
        other => panic!("{text}: {other}"),
    };
    assert_eq!(exact("name:~(Golden Seg)"), exact("name:(~Golden Seg)"));
}

#[test]
fn what_is_not_in_the_grammar_is_refused_where_it_stands() {
    let cases = [
        ("status", "expected `:` directly after `status`; a value with spaces needs double quotes (column 7)"),
        ("status :ACTIVE", "expected `:` directly after `status`; a value with spaces needs double quotes (column 7)"),
        (
            "name.en:Golden Segment",
            "expected `:` directly after `Segment`; a value with spaces needs double quotes (column 23)",
        ),
        (
            "status:ACTIVE AND siteCode:main",
            "expected `:` directly after `AND`; a value with spaces needs double quotes (column 18)",
        ),
        ("status:", "expected a value (column 8)"),
        ("status: ACTIVE", "expected a value (column 8)"),
        ("status:(", "expected a value (column 9)"),
        ("status:()", "expected a value (column 9)"),
        ("status:(a,)", "expected a value (column 11)"),
        ("status:(a b)", "unexpected `b` (column 11)"),
        ("status:(a", "`(` is not closed (column 10)"),
        ("status:(a)b", "unexpected `b` (column 11)"),
        ("status:a)", "unexpected `)` (column 9)"),
        ("status:a,b", "unexpected `,` (column 9)"),
        ("status:\"a", "`\"` is not closed (column 8)"),
        ("status:\"a\"b", "unexpected `b` (column 11)"),
        ("metadata.version:>", "expected a value (column 19)"),
        ("metadata.version:(>1 <2)", "unexpected `<` (column 22)"),
        ("metadata.version:(>1 and <2)", "unexpected `a` (column 22)"),
        ("metadata.version:(>1 AND 2)", "unexpected `2` (column 26)"),
        ("metadata.version:(>1 AND <2 AND >3)", "unexpected `A` (column 29)"),
        ("name:~", "expected a value (column 7)"),
        ("name:(~)", "expected a value (column 8)"),
        ("name:(~a", "`(` is not closed (column 6)"),
        ("a:~[", "`[` is not closed (column 4)"),
        ("ü:x", "expected a clause, `field:value` (column 1)"),
        ("(a)", "expected a clause, `field:value` (column 1)"),
        ("a..b:x", "expected a clause, `field:value` (column 1)"),
        ("a:x\0", "the character U+0000 cannot be queried (column 4)"),
        ("a:~a**b) x:y", "regular expression: unopened group, at its character 5 (column 4)"),
        (
            "x:y compoundLogicalQuery:((status:ACTIVE) OR (siteCode:main))",
            "`compoundLogicalQuery` is not supported by this service; clauses are combined with AND only (column 5)",
        ),
    ];
    for (text, expected) in cases {
        let refused = Query::parse(text).expect_err(text);
        assert_eq!(refused.to_string(), expected, "{text}");
        assert_eq!(refused.detail_type(), "syntax", "{text}");
    }
}

#[test]
fn limits_are_refused_as_limits() {
    let cases = [
        format!("id:{}", "x".repeat(32 * 1024)),
        "a:b ".repeat(2_001),
        "a:~b ".repeat(11),
        format!("{}:x", ["a"; 33].join(".")),
        format!("a:~{}", "b".repeat(1_001)),
        "a:~b{1001}".to_owned(),
    ];
    for text in cases {
        let refused = Query::parse(&text).expect_err("too large");
        assert_eq!(refused.detail_type(), "limit", "{refused}");
    }
}

fn any_clause() -> impl Strategy<Value = Clause> {
    let field = prop::collection::vec("[A-Za-z0-9_-]{1,5}", 1..4).prop_map(Path);
    let quoted = "[^\0]{0,12}".prop_map(|text| Scalar { text, quoted: true });
    let list = prop::collection::vec(quoted, 1..4).prop_map(Test::AnyOf);
    let pattern = r"([a-z ]|\\[.*()\[\]]|\[[a-z() ]\]|\([a-z ]\)){1,6}"
        .prop_map(|source| Test::Matches(Pattern::parse(&source).expect("a pattern")));
    (field, prop_oneof![list, pattern]).prop_map(|(field, test)| Clause { field, test })
}

proptest! {
    #![proptest_config(generators::config(512))]

    #[test]
    fn a_printed_query_is_parsed_back(query in generators::query()) {
        prop_assert_eq!(Query::parse(&query.to_string()).expect("what was printed"), query);
    }

    #[test]
    fn any_text_survives_printing_and_parsing(clauses in prop::collection::vec(any_clause(), 0..4)) {
        let query = Query { clauses };
        let printed = query.to_string();
        prop_assert_eq!(Query::parse(&printed).expect(&printed), query);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in r#"(status|name|:|~|\(|\)|\[|"|\\|,|<|>|=|AND| |a|ü|\PC){0,20}"#) {
        if let Ok(query) = Query::parse(&text) {
            prop_assert_eq!(Query::parse(&query.to_string()).expect(&text), query);
        }
    }
}
