//! A browser without a window.

use std::process::Command;

/// As Debian, Chromium and Google name it.
const BROWSERS: [&str; 4] = ["chromium-headless-shell", "chromium", "chromium-browser", "google-chrome"];

/// A command that runs one; none where there is none, and none is required.
///
/// # Panics
/// When there is none and `REQUIRE_BROWSER` wants one.
#[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not configuration")]
pub fn command() -> Option<Command> {
    let is_there = |name: &&&str| Command::new(name).arg("--version").output().is_ok_and(|ran| ran.status.success());
    let Some(found) = BROWSERS.iter().find(is_there) else {
        let is_required = std::env::var("REQUIRE_BROWSER").is_ok_and(|value| value != "0");
        assert!(!is_required, "there is no Chromium, and one is required");
        eprintln!("skipped: a page in a browser: there is no Chromium");
        return None;
    };
    let mut command = Command::new(found);
    // In a container there is no sandbox for root; the pages are ours.
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]);
    Some(command)
}
