//! Settings that more than one program has, as arguments or environment variables.

use std::{fmt, net::SocketAddr, path::PathBuf, sync::Arc};

use clap::Args;

use crate::{
    clock::SharedClock,
    http::{
        Auth, Expected, KeySource, Keys,
        dev_issuer::{DevIssuer, DevIssuerError},
    },
    telemetry::LogFormat,
};

/// Where and how a service listens.
#[derive(Debug, Clone, Args)]
pub struct ListenArgs {
    /// The address to listen on.
    #[arg(long, env = "LISTEN", default_value = "127.0.0.1:8080")]
    pub listen: SocketAddr,
    /// Threads that serve HTTP; as many as there are cores if not given.
    #[arg(long, env = "HTTP_WORKERS")]
    pub http_workers: Option<usize>,
}

/// What is logged.
#[derive(Debug, Clone, Args)]
pub struct LogArgs {
    /// What to log, such as `info` or `info,shared::http=debug`.
    #[arg(long, env = "RUST_LOG", default_value = "info")]
    pub log: String,
    /// How log lines look.
    #[arg(long, env = "LOG_FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,
}

/// Whose tokens are trusted.
#[derive(Debug, Clone, Args)]
#[group(id = "keys", required = true, multiple = false, args = ["jwks_url", "jwks_file", "dev_issuer"])]
pub struct AuthArgs {
    /// Address of the JSON Web Key Set of the trusted issuer.
    #[arg(long, env = "JWKS_URL")]
    pub jwks_url: Option<String>,
    /// File with the JSON Web Key Set of the trusted issuer.
    #[arg(long, env = "JWKS_FILE")]
    pub jwks_file: Option<PathBuf>,
    /// For development only: issue tokens to anyone who asks, with a key kept in this folder.
    #[arg(long, env = "DEV_ISSUER")]
    pub dev_issuer: Option<PathBuf>,
    /// The `iss` claim that tokens must have.
    #[arg(long, env = "ISSUER")]
    pub issuer: Option<String>,
    /// The audience that tokens must be for.
    #[arg(long, env = "AUDIENCE")]
    pub audience: Option<String>,
}

/// Tokens cannot be verified as configured.
#[derive(Debug, thiserror::Error)]
pub enum AuthSetupError {
    /// Not one source of keys, but none or several.
    #[error("one of JWKS_URL, JWKS_FILE and DEV_ISSUER must be given")]
    NoSource,
    /// The issuer for development.
    #[error(transparent)]
    DevIssuer(#[from] DevIssuerError),
}

/// How tokens are verified, and the issuer of them that runs in this process, if one does.
pub struct TrustedIssuer {
    /// Verifies tokens.
    pub auth: Auth,
    /// Gives tokens away; its routes are to be served.
    pub dev_issuer: Option<Arc<DevIssuer>>,
}

impl fmt::Debug for TrustedIssuer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TrustedIssuer").field("is_development", &self.dev_issuer.is_some()).finish_non_exhaustive()
    }
}

impl AuthArgs {
    /// Trusts the development issuer with its key in this folder.
    pub fn development(folder: PathBuf) -> Self {
        Self { jwks_url: None, jwks_file: None, dev_issuer: Some(folder), issuer: None, audience: None }
    }

    /// Fetches the keys, and opens the development issuer if it is wanted. Keys that cannot be had yet are asked for
    /// again later; until then the service is not ready.
    ///
    /// # Errors
    /// When no source of keys is given, or the key of the development issuer cannot be used.
    pub async fn set_up(&self, clock: SharedClock) -> Result<TrustedIssuer, AuthSetupError> {
        let (source, dev_issuer) = match (&self.jwks_url, &self.jwks_file, &self.dev_issuer) {
            (Some(url), None, None) => (KeySource::Url(url.clone()), None),
            (None, Some(path), None) => (KeySource::File(path.clone()), None),
            (None, None, Some(folder)) => {
                let issuer = Arc::new(DevIssuer::open(folder, clock.clone())?);
                (issuer.key_source(), Some(issuer))
            }
            _ => return Err(AuthSetupError::NoSource),
        };
        let expected = Expected { issuer: self.issuer.clone(), audience: self.audience.clone() };
        let auth = Auth::new(Keys::start(source).await, expected, clock);
        Ok(TrustedIssuer { auth, dev_issuer })
    }
}
