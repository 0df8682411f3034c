//! An issuer of tokens whose keys can be rotated: it keeps the key set file that the programs read.

use std::{
    collections::HashMap,
    fs,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};
use tokio::sync::watch;

/// Longer than any run.
const LIFETIME_SECONDS: u64 = 4 * 3600;
/// The client in every token: idempotency keys belong to a tenant and a client.
pub const CLIENT: &str = "faults";

/// A token for each tenant.
pub type Tokens = Arc<HashMap<String, String>>;

/// See the module.
pub struct Issuer {
    file: PathBuf,
    tenants: Vec<String>,
    trusted: Mutex<Vec<Signer>>,
    current: watch::Sender<Tokens>,
}

struct Signer {
    kid: String,
    key: EncodingKey,
}

impl Issuer {
    /// With one key, in a new key set file.
    pub fn new(file: PathBuf, tenants: &[&str]) -> anyhow::Result<Self> {
        let tenants = tenants.iter().map(|tenant| (*tenant).to_owned()).collect();
        let issuer = Self { file, tenants, trusted: Mutex::default(), current: watch::Sender::new(Tokens::default()) };
        issuer.add_key()?;
        issuer.use_newest_key()?;
        Ok(issuer)
    }

    /// The key set file.
    pub fn file(&self) -> &Path {
        &self.file
    }

    /// The tokens that clients are to use.
    pub fn tokens(&self) -> watch::Receiver<Tokens> {
        self.current.subscribe()
    }

    /// Adds a key to the set.
    pub fn add_key(&self) -> anyhow::Result<()> {
        let mut trusted = self.trusted.lock().unwrap_or_else(PoisonError::into_inner);
        trusted.push(Signer::new(format!("faults-{}", uuid::Uuid::now_v7()))?);
        self.publish(&trusted)
    }

    /// Takes every key but the newest out of the set.
    pub fn remove_old_keys(&self) -> anyhow::Result<()> {
        let mut trusted = self.trusted.lock().unwrap_or_else(PoisonError::into_inner);
        let old = trusted.len().saturating_sub(1);
        trusted.drain(..old);
        self.publish(&trusted)
    }

    /// From now on tokens are signed with the newest key.
    pub fn use_newest_key(&self) -> anyhow::Result<()> {
        let trusted = self.trusted.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(signer) = trusted.last() else { return Ok(()) };
        let mint = |tenant: &String| Ok((tenant.clone(), signer.mint(tenant)?));
        let tokens: HashMap<_, _> = self.tenants.iter().map(mint).collect::<anyhow::Result<_>>()?;
        self.current.send_replace(Arc::new(tokens));
        Ok(())
    }

    /// Replaced at once, so that nobody reads half a file.
    fn publish(&self, trusted: &[Signer]) -> anyhow::Result<()> {
        let keys: Vec<Value> = trusted.iter().map(Signer::public).collect::<anyhow::Result<_>>()?;
        let aside = self.file.with_extension("new");
        fs::write(&aside, json!({ "keys": keys }).to_string())?;
        fs::rename(&aside, &self.file)?;
        Ok(())
    }
}

impl Signer {
    fn new(kid: String) -> anyhow::Result<Self> {
        // Version 1: the other one is not understood when the public key is asked for.
        let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())?;
        Ok(Self { kid, key: EncodingKey::from_ed_der(document.as_ref()) })
    }

    fn mint(&self, tenant: &str) -> anyhow::Result<String> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.kid.clone());
        let claims = json!({
            "sub": CLIENT, "azp": CLIENT, "token_type": "service", "tenant": tenant, "iat": now, "exp": now + LIFETIME_SECONDS,
            "scope": "customersegment.segment_read customersegment.segment_manage",
        });
        Ok(encode(&header, &claims, &self.key)?)
    }

    fn public(&self) -> anyhow::Result<Value> {
        let mut jwk = Jwk::from_encoding_key(&self.key, Algorithm::EdDSA)?;
        jwk.common.key_id = Some(self.kid.clone());
        Ok(json!(jwk))
    }
}
