//! The programs under test: built once, found beside the test program.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
    sync::LazyLock,
};

/// `target/<profile>`, after cargo has brought the programs in it up to date.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let test_program = env::current_exe().expect("this program has a path");
    // target/<profile>/deps/it-<hash>
    let folder = test_program.parent().and_then(Path::parent).expect("test programs lie in deps").to_owned();
    // Whoever has built everything together says so: to build some crates alone compiles their dependencies anew.
    if env::var_os("E2E_BUILT").is_some() {
        return folder;
    }
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "-p", "segments", "-p", "command-service", "-p", "query-service"]);
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    let built = cargo.current_dir(env!("CARGO_MANIFEST_DIR")).status().expect("cargo starts");
    assert!(built.success(), "the services do not build");
    folder
});

/// The path of `segments`, `command-service` or `query-service`, up to date.
///
/// # Panics
/// When they do not build.
pub fn binary(name: &str) -> PathBuf {
    FOLDER.join(name)
}
