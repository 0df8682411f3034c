//! Threads for what may be late: it reads the log and makes views of it.

use std::io;

use tokio::runtime::{Builder, Handle, Runtime};

/// A runtime of its own, whose threads give way to those that decide, write down and answer. What those threads make gives way,
/// too; nothing that answers may be begun here.
#[derive(Debug)]
pub struct Background {
    handle: Handle,
    /// Until this is dropped.
    runtime: Option<Runtime>,
}

impl Background {
    /// Starts it.
    ///
    /// # Errors
    /// When there can be no threads.
    pub fn start() -> io::Result<Self> {
        let mut threads = Builder::new_multi_thread();
        threads.thread_name("views").enable_all();
        #[cfg(target_os = "linux")]
        threads.on_thread_start(|| crate::priority::give_way(crate::priority::A_LITTLE));
        let runtime = threads.build()?;
        Ok(Self { handle: runtime.handle().clone(), runtime: Some(runtime) })
    }

    /// Where work is begun that is to run here.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        // A runtime that waits for its threads must not be dropped within another one.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
