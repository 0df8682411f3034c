//! The public keys that tokens are verified with: fetched, kept, and fetched again.
//!
//! [`Keys`] holds the newest set. A task fetches it again every ten minutes and when a token names an unknown key, though
//! not more often than the source allows. While the source fails, the last set is used for a day.

use std::{
    path::PathBuf,
    sync::{
        Arc, PoisonError, RwLock,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use jsonwebtoken::{
    Algorithm, DecodingKey,
    jwk::{AlgorithmParameters, EllipticCurve, Jwk, PublicKeyUse},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    sync::{Notify, watch},
    time::{Instant, sleep_until, timeout},
};

const REFRESH_EVERY: Duration = Duration::from_mins(10);
const RETRY_AFTER_FAILURE: Duration = Duration::from_secs(30);
const STALE_AFTER: Duration = Duration::from_hours(24);
/// How long a request with an unknown key waits for the keys to be fetched again.
const WAIT_FOR_REFRESH: Duration = Duration::from_secs(5);
const FETCH_TIMEOUT: Duration = Duration::from_secs(4);
const MAX_DOCUMENT_BYTES: usize = 1024 * 1024;
const MAX_KEYS: usize = 100;

/// Where the keys come from.
#[derive(Debug, Clone)]
pub enum KeySource {
    /// A JSON Web Key Set that never changes.
    Fixed(Value),
    /// A file with a JSON Web Key Set.
    File(PathBuf),
    /// An address that answers with a JSON Web Key Set.
    Url(String),
}

/// The key set could not be had.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file could not be read.
    #[error("the key set cannot be read: {0}")]
    File(#[from] std::io::Error),
    /// The address did not answer with a document.
    #[error("the key set cannot be fetched: {0}")]
    Url(#[from] reqwest::Error),
    /// The document is no key set.
    #[error("the document is not a JSON Web Key Set: {0}")]
    Document(#[from] serde_json::Error),
    /// The document is longer than a key set can be.
    #[error("the key set is longer than {MAX_DOCUMENT_BYTES} bytes")]
    TooLong,
}

impl KeySource {
    /// Unknown keys lead to no more than one fetch in this time.
    fn shortest_interval(&self) -> Duration {
        match self {
            Self::Fixed(_) | Self::File(_) => Duration::from_secs(1),
            Self::Url(_) => Duration::from_secs(30),
        }
    }

    async fn fetch(&self) -> Result<Vec<VerificationKey>, KeysError> {
        let document = match self {
            Self::Fixed(document) => document.clone(),
            Self::File(path) => serde_json::from_slice(&tokio::fs::read(path).await?)?,
            Self::Url(url) => {
                // Built each time: it is seldom needed, and certificates of authorities may have changed.
                let client = reqwest::Client::builder().timeout(FETCH_TIMEOUT).build()?;
                let mut answer = client.get(url).send().await?.error_for_status()?;
                let mut bytes = Vec::new();
                while let Some(chunk) = answer.chunk().await? {
                    bytes.extend_from_slice(&chunk);
                    if bytes.len() > MAX_DOCUMENT_BYTES {
                        return Err(KeysError::TooLong);
                    }
                }
                serde_json::from_slice(&bytes)?
            }
        };
        parse_key_set(document)
    }
}

/// A key that verifies tokens of one algorithm.
#[derive(Debug)]
pub struct VerificationKey {
    kid: Option<String>,
    /// The only algorithm that it is used with.
    pub algorithm: Algorithm,
    /// The key.
    pub key: DecodingKey,
    source: Jwk,
}

/// The keys at one time.
#[derive(Debug, Default)]
pub struct KeySet {
    /// Grows whenever the keys change; what was verified under an older one must be verified again.
    pub generation: u64,
    keys: Vec<VerificationKey>,
    confirmed: Option<Instant>,
}

impl KeySet {
    /// The keys that may have signed a token with this header.
    pub fn candidates<'a>(
        &'a self,
        kid: Option<&'a str>,
        algorithm: Algorithm,
    ) -> impl Iterator<Item = &'a VerificationKey> {
        self.keys
            .iter()
            .filter(move |key| key.algorithm == algorithm)
            .filter(move |key| kid.is_none() || key.kid.as_deref() == kid)
    }

    /// Whether the keys were confirmed within a day.
    pub fn is_usable(&self) -> bool {
        self.confirmed.is_some_and(|at| at.elapsed() < STALE_AFTER)
    }
}

/// The present keys, kept fresh by a task. Clones share them.
#[derive(Debug, Clone)]
pub struct Keys(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    source: KeySource,
    current: RwLock<Arc<KeySet>>,
    wanted: Notify,
    /// The time of the last attempt, successful or not.
    attempted: watch::Sender<Option<Instant>>,
    failing: AtomicBool,
}

impl Keys {
    /// Fetches the keys once and starts the task that keeps them fresh; it ends some time after the last clone. A source
    /// that fails at first is tried again.
    pub async fn start(source: KeySource) -> Self {
        let inner = Inner {
            source,
            current: RwLock::default(),
            wanted: Notify::new(),
            attempted: watch::Sender::new(None),
            failing: AtomicBool::new(false),
        };
        let keys = Self(Arc::new(inner));
        keys.0.attempt().await;
        let weak = Arc::downgrade(&keys.0);
        tokio::spawn(async move {
            while let Some(inner) = weak.upgrade() {
                inner.wait_for_reason().await;
                inner.attempt().await;
            }
        });
        keys
    }

    /// The newest keys.
    pub fn current(&self) -> Arc<KeySet> {
        self.0.current.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks for the keys again, because one is unknown, and waits a little for them, unless they were fetched just now.
    pub async fn refresh(&self) {
        let mut attempted = self.0.attempted.subscribe();
        let last = *attempted.borrow_and_update();
        self.0.wanted.notify_one();
        if last.is_some_and(|at| at.elapsed() < self.0.source.shortest_interval()) {
            return;
        }
        // Whether it came in time or not, the caller looks at what there is.
        drop(timeout(WAIT_FOR_REFRESH, attempted.changed()).await);
    }
}

impl Inner {
    async fn wait_for_reason(&self) {
        let last = self.attempted.borrow().unwrap_or_else(Instant::now);
        let pause = if self.failing.load(Ordering::Relaxed) { RETRY_AFTER_FAILURE } else { REFRESH_EVERY };
        tokio::select! {
            () = sleep_until(last + pause) => {}
            () = self.wanted.notified() => sleep_until(last + self.source.shortest_interval()).await,
        }
    }

    async fn attempt(&self) {
        let result = self.source.fetch().await;
        self.failing.store(result.is_err(), Ordering::Relaxed);
        match result {
            Ok(keys) => self.keep(keys),
            Err(error) => tracing::warn!(%error, "the keys for tokens could not be fetched"),
        }
        self.attempted.send_replace(Some(Instant::now()));
    }

    fn keep(&self, keys: Vec<VerificationKey>) {
        let mut current = self.current.write().unwrap_or_else(PoisonError::into_inner);
        let is_same = current.keys.iter().map(|key| &key.source).eq(keys.iter().map(|key| &key.source));
        let generation = if is_same { current.generation } else { current.generation + 1 };
        if !is_same {
            tracing::info!(keys = keys.len(), generation, "keys for tokens have changed");
        }
        *current = Arc::new(KeySet { generation, keys, confirmed: Some(Instant::now()) });
    }
}

#[derive(Deserialize)]
struct Document {
    keys: Vec<Value>,
}

/// Keys of other kinds, and keys that cannot be read, are left out: they are for somebody else.
fn parse_key_set(document: Value) -> Result<Vec<VerificationKey>, KeysError> {
    let document: Document = serde_json::from_value(document)?;
    let mut keys = Vec::new();
    for value in document.keys.into_iter().take(MAX_KEYS) {
        match verification_key(value) {
            Some(key) => keys.push(key),
            None => tracing::debug!("a key of the set is not used"),
        }
    }
    Ok(keys)
}

fn verification_key(value: Value) -> Option<VerificationKey> {
    let jwk: Jwk = serde_json::from_value(value).ok()?;
    if jwk.common.public_key_use.as_ref().is_some_and(|usage| *usage != PublicKeyUse::Signature) {
        return None;
    }
    let algorithm = match &jwk.algorithm {
        AlgorithmParameters::RSA(_) => Algorithm::RS256,
        AlgorithmParameters::EllipticCurve(key) if key.curve == EllipticCurve::P256 => Algorithm::ES256,
        AlgorithmParameters::OctetKeyPair(key) if key.curve == EllipticCurve::Ed25519 => Algorithm::EdDSA,
        _ => return None,
    };
    // A key that is meant for another algorithm of its family is not ours to use.
    if jwk.common.key_algorithm.is_some_and(|declared| declared.to_string() != format!("{algorithm:?}")) {
        return None;
    }
    let key = DecodingKey::from_jwk(&jwk).ok()?;
    Some(VerificationKey { kid: jwk.common.key_id.clone(), algorithm, key, source: jwk })
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_keys_of_the_three_algorithms_are_used() {
        let okp = |extra: Value| {
            let mut key = json!({"kty": "OKP", "crv": "Ed25519", "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"});
            key.as_object_mut().expect("an object").extend(extra.as_object().expect("an object").clone());
            key
        };
        for (case, key, used) in [
            ("plain", okp(json!({})), true),
            ("for signatures", okp(json!({"use": "sig", "alg": "EdDSA", "kid": "1"})), true),
            ("for encryption", okp(json!({"use": "enc"})), false),
            ("another algorithm", okp(json!({"alg": "RS256"})), false),
            ("an unknown algorithm", okp(json!({"alg": "XX999"})), false),
            ("a secret", json!({"kty": "oct", "k": "c2VjcmV0"}), false),
            ("another curve", json!({"kty": "EC", "crv": "P-384", "x": "AA", "y": "AA"}), false),
            ("not a key", json!(5), false),
        ] {
            let keys = parse_key_set(json!({"keys": [key]})).expect(case);
            assert_eq!(keys.len() == 1, used, "{case}");
        }
        assert!(parse_key_set(json!([])).is_err());
    }

    #[tokio::test]
    async fn a_changed_file_is_read_again_when_a_key_is_unknown() {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let path = dir.path().join("jwks.json");
        let key = |kid: &str| {
            json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": kid,
                "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})
        };
        std::fs::write(&path, key("old").to_string()).expect("the file can be written");
        let keys = Keys::start(KeySource::File(path.clone())).await;
        let known = |kid| keys.current().candidates(Some(kid), Algorithm::EdDSA).count() == 1;
        assert!(known("old"));
        let generation = keys.current().generation;

        std::fs::write(&path, key("new").to_string()).expect("the file can be written");
        tokio::time::sleep(Duration::from_millis(1100)).await;
        keys.refresh().await;

        assert!(known("new") && !known("old"));
        assert!(keys.current().generation > generation);
    }

    #[tokio::test]
    async fn keys_are_fetched_from_an_address_and_kept_while_it_fails() {
        use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
        let url = format!("http://{}/jwks.json", listener.local_addr().expect("it is bound"));
        let body = json!({"keys": [{"kty": "OKP", "crv": "Ed25519", "kid": "k",
            "x": "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}]})
        .to_string();
        tokio::spawn(async move {
            let (mut stream, _) = listener.accept().await.expect("a connection");
            let mut request = [0; 4096];
            let read = stream.read(&mut request).await.expect("a request");
            assert!(request[..read].starts_with(b"GET /jwks.json "));
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            stream.write_all((head + &body).as_bytes()).await.expect("the client reads");
            // Nobody listens from here on.
        });

        let keys = Keys::start(KeySource::Url(url)).await;
        assert!(keys.current().is_usable());
        keys.0.attempt().await;
        assert!(keys.current().is_usable(), "the keys of the last fetch are still good");
        assert_eq!(keys.current().candidates(Some("k"), Algorithm::EdDSA).count(), 1);
    }
}
