//! What every scenario starts with: a folder, the issuer of tokens, and how much is to be done.

use std::{path::PathBuf, sync::Arc};

use tempfile::TempDir;

use crate::{load::TENANTS, program::Program, tokens::Issuer};

/// See the module.
pub struct Stage {
    folder: TempDir,
    /// Signs the tokens of this run.
    pub issuer: Arc<Issuer>,
    /// How often to break what the scenario breaks.
    pub rounds: u32,
    /// How many clients there are.
    pub clients: u32,
}

impl Stage {
    /// Makes the folder, and the first key.
    pub fn open(name: &str, rounds: u32, clients: u32) -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix(&format!("segments-faults-{name}-")).tempdir()?;
        let issuer = Arc::new(Issuer::new(folder.path().join("jwks.json"), &TENANTS)?);
        Ok(Self { folder, issuer, rounds, clients })
    }

    /// A path in the folder of this run.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// `segments up` on the embedded log; `more` are further arguments.
    pub fn segments_up(&self, more: &[&str]) -> anyhow::Result<Program> {
        let mut up = Program::new("segments", "up", self.path("up.log"))?;
        let data = self.path("data");
        up.args(["up", "--data-dir", &data.display().to_string()]).args(self.keys()).args(more);
        Ok(up)
    }

    /// The arguments that make a program trust the issuer.
    pub fn keys(&self) -> [String; 2] {
        ["--jwks-file".to_owned(), self.issuer.file().display().to_string()]
    }

    /// Leaves the folder behind, for whoever looks for the cause.
    pub fn keep(&mut self) {
        self.folder.disable_cleanup(true);
        eprintln!("the logs of the programs are in {}", self.folder.path().display());
    }
}
