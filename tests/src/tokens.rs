//! An issuer of tokens for tests: fresh keys, a JWKS file for the services, and any claims that a test wants.

use std::{
    fs,
    path::{Path, PathBuf},
    sync::LazyLock,
    time::{SystemTime, UNIX_EPOCH},
};

use aws_lc_rs::{
    rand::SystemRandom,
    signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair},
};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk};
use serde_json::{Value, json};

/// A private key with its name.
pub struct Signer {
    algorithm: Algorithm,
    kid: String,
    key: EncodingKey,
}

/// The keys that the services of this run trust.
static TRUSTED: LazyLock<[Signer; 2]> = LazyLock::new(|| [Signer::es256("trusted-es"), Signer::eddsa("trusted-ed")]);

impl Signer {
    /// A fresh key for ES256.
    pub fn es256(kid: &str) -> Self {
        let der = EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new());
        let key = EncodingKey::from_ec_der(der.expect("a key").as_ref());
        Self { algorithm: Algorithm::ES256, kid: kid.to_owned(), key }
    }

    /// A fresh key for EdDSA.
    pub fn eddsa(kid: &str) -> Self {
        let der = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new()).expect("a key");
        Self { algorithm: Algorithm::EdDSA, kid: kid.to_owned(), key: EncodingKey::from_ed_der(der.as_ref()) }
    }

    /// The key for ES256 that the services trust.
    pub fn trusted() -> &'static Self {
        &TRUSTED[0]
    }

    /// The key for EdDSA that the services trust.
    pub fn trusted_eddsa() -> &'static Self {
        &TRUSTED[1]
    }

    /// A token with these claims, and with `exp` in an hour unless it is among them.
    pub fn mint(&self, claims: &Value) -> String {
        let mut header = Header::new(self.algorithm);
        header.kid = Some(self.kid.clone());
        let mut all = json!({ "iat": now(), "exp": now() + 3600 });
        all.as_object_mut().expect("an object").extend(claims.as_object().expect("claims are an object").clone());
        encode(&header, &all, &self.key).expect("the key signs")
    }

    fn public(&self) -> Value {
        let mut jwk = Jwk::from_encoding_key(&self.key, self.algorithm).expect("the key has a public half");
        jwk.common.key_id = Some(self.kid.clone());
        json!(jwk)
    }
}

/// Writes the public keys that the services are to trust.
pub fn write_key_set(folder: &Path) -> PathBuf {
    let path = folder.join("jwks.json");
    let keys: Vec<Value> = TRUSTED.iter().map(Signer::public).collect();
    fs::write(&path, json!({ "keys": keys }).to_string()).expect("the key set can be written");
    path
}

/// Seconds since 1970.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is right").as_secs()
}
