//! The services, run in one of three ways: the environment variable `STACK` chooses.
//!
//! | `STACK` | what runs |
//! |---|---|
//! | `embedded` (default) | `segments up`: everything in one process, the log in a file |
//! | `kafka` | command-service and query-service as processes of their own, a real Kafka, the gateway in front |
//! | `up-kafka` | `segments up` on a real Kafka |
//!
//! A stack is started once for a test process, and its guards end it with the process.

mod binaries;
mod gateway;
mod kafka;
mod up;

use std::env;

use tokio::sync::OnceCell;

use crate::process::Process;

pub use binaries::binary;
pub use kafka::Topics;
pub use up::{SegmentsUp, UpOptions};

/// A way to run the services.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `segments up`.
    Embedded,
    /// Separate processes on Kafka, behind the gateway.
    Kafka,
    /// `segments up --kafka`.
    UpKafka,
}

impl Kind {
    /// What `STACK` says.
    #[expect(clippy::disallowed_methods, reason = "the one place where these tests are configured")]
    pub fn of_this_run() -> Self {
        match env::var("STACK").as_deref() {
            Err(_) | Ok("" | "embedded") => Self::Embedded,
            Ok("kafka") => Self::Kafka,
            Ok("up-kafka") => Self::UpKafka,
            Ok(other) => panic!("STACK is {other:?}; embedded, kafka and up-kafka are known"),
        }
    }
}

/// Running services.
#[derive(Debug)]
pub struct Stack {
    /// Where clients ask, such as `http://127.0.0.1:8080`.
    pub origin: String,
    /// Where each process answers, past the gateway: the one that writes, the one that reads. In one process both are one.
    pub services: [String; 2],
    /// Held so that they run on.
    _processes: Vec<Process>,
}

/// The stack of this run.
///
/// # Panics
/// When it cannot be started: nothing is tested then.
pub async fn current() -> &'static Stack {
    /// Never dropped: the guards end the processes.
    static STACK: OnceCell<Option<Stack>> = OnceCell::const_new();
    // A stack that does not start is not tried again for every test; why it did not is told once, by the task.
    let stack = STACK.get_or_init(async || tokio::spawn(start()).await.ok()).await;
    stack.as_ref().expect("the stack has started")
}

async fn start() -> Stack {
    match Kind::of_this_run() {
        Kind::Embedded => up::stack(UpOptions::plain("up").await.with_tokens_of_tests()).await,
        Kind::UpKafka => up::stack(UpOptions::plain("up").await.with_tokens_of_tests().on_kafka()).await,
        Kind::Kafka => kafka::stack().await,
    }
}
