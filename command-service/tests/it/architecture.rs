//! What the layout promises and no compiler checks.

use std::{
    fs,
    path::{Path, PathBuf},
};

use regex::Regex;

/// What would make `domain` depend on anything but its arguments.
const IMPURE: &str = r"\b(tokio|sqlx|rdkafka|actix\w*|reqwest|tracing|rand|uuid)\b|Utc::now|Uuid::(new|now)|std::(fs|net|env|io|process|thread)|\bClock\b|\bSystemTime\b|\bInstant\b";

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("the folder can be read").map(|entry| entry.expect("an entry").path());
    entries
        .flat_map(|path| if path.is_dir() { rust_files(&path) } else { vec![path] })
        .filter(|path| path.extension().is_some_and(|extension| extension == "rs"))
        .collect()
}

/// The lines of code that the pattern finds. Comments may name what they like.
fn offences(pattern: &Regex, source: &str) -> Vec<String> {
    let code = source.lines().filter(|line| !line.trim_start().starts_with("//"));
    code.filter(|line| pattern.is_match(line)).map(str::to_owned).collect()
}

#[test]
fn the_domain_does_no_io_reads_no_clock_and_makes_no_ids() {
    let pattern = Regex::new(IMPURE).expect("a pattern");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let is_test =
        |path: &Path| path.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs");
    let mut files = rust_files(&source.join("domain"));
    files.push(source.join("domain.rs"));
    files.retain(|path| !is_test(path));
    assert!(files.len() >= 8, "the domain was found: {files:?}");
    for file in files {
        let text = fs::read_to_string(&file).expect("the file can be read");
        assert_eq!(offences(&pattern, &text), Vec::<String>::new(), "{}", file.display());
    }
}

#[test]
fn the_check_finds_what_it_forbids() {
    let pattern = Regex::new(IMPURE).expect("a pattern");
    for line in [
        "use tokio::sync::mpsc;",
        "use actix_web::web;",
        "let now = Utc::now();",
        "let id = Uuid::now_v7();",
        "use std::fs;",
        "std::env::var(\"HOME\")",
        "tracing::info!(\"no logging either\");",
    ] {
        assert_eq!(offences(&pattern, line).len(), 1, "{line}");
    }
    assert!(offences(&pattern, "// tokio is not for the domain\nlet instant = before;").is_empty());
}
