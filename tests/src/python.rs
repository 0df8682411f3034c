//! Programs in Python: what other systems would write.

use std::{
    env,
    path::{Path, PathBuf},
    process::Command,
};

/// A Python with the packages of a requirements file, made once and kept with the build.
///
/// # Panics
/// When it cannot be made.
pub fn with(requirements: &Path) -> PathBuf {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("venv.sh");
    // By the folder of the file, of which there is one for each program.
    let folder = requirements.parent().and_then(Path::file_name).expect("the file lies in a folder");
    let program = env::current_exe().expect("this program has a path");
    // target/<profile>/deps/it-<hash>
    let target = program.ancestors().nth(3).expect("test programs lie in deps");
    let place = target.join("tmp").join(format!("venv-{}", folder.to_string_lossy()));
    PathBuf::from(output_of(Command::new(script).arg(place).arg(requirements)).trim())
}

/// What a program prints that must succeed.
///
/// # Panics
/// When it fails; what it said is told.
pub fn output_of(command: &mut Command) -> String {
    let output = command.output().unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let (out, err) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{command:?}\n{out}\n{err}");
    out.into_owned()
}
