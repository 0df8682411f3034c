//! Finding the broker: Java from the machine, the broker's jars from the cache or, once, through Maven.
//!
//! For another version of Kafka change `pom.xml` and `settings.rs` together; a test compares them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tracing::info;

use crate::{cache, env, paths};

use super::Error;
use super::settings::VERSION;

const POM: &str = include_str!("pom.xml");
/// The oldest Java that the broker runs on.
const OLDEST_JAVA: u32 = 17;

/// How to run the broker and its tools.
#[derive(Debug)]
pub struct Program {
    java: PathBuf,
    jars: PathBuf,
    heap_mib: u32,
}

impl Program {
    /// Finds Java, and installs the jars if the cache has none.
    pub async fn find(heap_mib: u32) -> Result<Self, Error> {
        let java = java()?;
        let cache = cache::folder(None)?;
        let installed = cache::install(&cache, &format!("kafka-{VERSION}"), fetch).await?;
        Ok(Self { java, jars: installed.join("jars"), heap_mib })
    }

    /// Runs the broker itself.
    pub fn broker(&self, properties: &Path) -> Command {
        let mut command = self.java();
        command.args(self.arguments()).arg("kafka.Kafka").arg(properties);
        command
    }

    /// Prepares an empty data folder.
    pub fn format(&self, cluster_id: &str, properties: &Path) -> Command {
        let mut command = self.java();
        command.args(["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC", "-cp", &self.class_path()]);
        command.args(["kafka.tools.StorageTool", "format", "-t", cluster_id, "-c"]).arg(properties);
        command
    }

    /// Java's own arguments for the broker. It shares a small machine and seldom runs for long, so it is not compiled a second
    /// time: that would take a quarter of two cores for its first half minute.
    pub fn arguments(&self) -> Vec<String> {
        let mut arguments: Vec<String> = ["-XX:TieredStopAtLevel=1", "-XX:+UseSerialGC"].map(str::to_owned).into();
        arguments.push(format!("-Xmx{}m", self.heap_mib));
        // Quiet but for the line that says it is ready.
        let logging = [
            "defaultLogLevel=warn",
            "log.kafka.server.KafkaRaftServer=info",
            "showDateTime=true",
            "dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSS",
        ];
        arguments.extend(logging.map(|setting| format!("-Dorg.slf4j.simpleLogger.{setting}")));
        arguments.extend(["-cp".to_owned(), self.class_path()]);
        arguments
    }

    fn class_path(&self) -> String {
        format!("{}/*", self.jars.display())
    }

    fn java(&self) -> Command {
        let mut command = Command::new(&self.java);
        command.stdin(Stdio::null());
        command
    }
}

/// Fetches the jars; Maven verifies their checksums.
async fn fetch(folder: &Path) -> Result<(), Error> {
    let maven = paths::find_program("mvn").ok_or(Error::NoMaven)?;
    info!(version = VERSION, "downloading kafka, once");
    fs::write(folder.join("pom.xml"), POM)?;
    let mut command = Command::new(maven);
    command.args(["--quiet", "--batch-mode", "--strict-checksums", "dependency:copy-dependencies"]);
    command.arg("-DoutputDirectory=jars").current_dir(folder).stdin(Stdio::null());
    run(command, "fetching Apache Kafka with Maven").await?;
    let broker = folder.join(format!("jars/kafka_2.13-{VERSION}.jar"));
    if !broker.is_file() {
        let output = format!("{} is not there", broker.display());
        return Err(Error::Program { program: "fetching Apache Kafka with Maven".to_owned(), output });
    }
    Ok(())
}

/// Runs a program to its end.
pub async fn run(command: Command, program: &str) -> Result<(), Error> {
    let io = |source| Error::Io { doing: program.to_owned(), source };
    let output = tokio::process::Command::from(command).kill_on_drop(true).output().await.map_err(io)?;
    if output.status.success() {
        return Ok(());
    }
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    Err(Error::Program { program: program.to_owned(), output: text.trim().to_owned() })
}

/// A Java that is new enough.
fn java() -> Result<PathBuf, Error> {
    let preferred = env::java_home().map(|home| home.join("bin/java")).filter(|java| java.is_file());
    let Some(java) = preferred.or_else(|| paths::find_program("java")) else {
        return Err(Error::NoJava { found: "none was found".to_owned() });
    };
    let output = Command::new(&java).arg("-version").stdin(Stdio::null()).output()?;
    let text = String::from_utf8_lossy(&output.stderr);
    match parse_version(&text) {
        Some(version) if version >= OLDEST_JAVA => Ok(java),
        Some(version) => Err(Error::NoJava { found: format!("but {} is Java {version}", java.display()) }),
        None => Err(Error::NoJava { found: format!("but {} says: {}", java.display(), text.trim()) }),
    }
}

/// The feature release in `openjdk version "17.0.15" 2025-04-15`; before 9 they were called 1.8 and so on.
fn parse_version(text: &str) -> Option<u32> {
    let mut numbers = text.split('"').nth(1)?.split(['.', '-', '_', '+']);
    match numbers.next()?.parse().ok()? {
        1 => numbers.next()?.parse().ok(),
        feature => Some(feature),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_feature_release_is_read_from_what_java_says() {
        for (text, expected) in [
            ("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK Runtime Environment", Some(17)),
            ("openjdk version \"21\" 2023-09-19", Some(21)),
            ("openjdk version \"26-ea\" 2026-03-17", Some(26)),
            ("java version \"1.8.0_292\"", Some(8)),
            ("Picked up JAVA_TOOL_OPTIONS: -Xmx1g\nopenjdk version \"17.0.15\"", Some(17)),
            ("The operation couldn't be completed. Unable to locate a Java Runtime.", None),
        ] {
            assert_eq!(parse_version(text), expected, "{text:?}");
        }
    }

    #[test]
    fn the_pom_asks_for_the_version_that_we_look_for() {
        assert!(POM.contains(&format!("<version>{VERSION}</version>")));
    }
}
