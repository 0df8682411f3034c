//! Bearer tokens: JWTs signed with RS256, ES256 or EdDSA, verified with the keys of a trusted issuer.
//!
//! Verifying a signature costs more than many a read, so verified tokens are remembered until they expire or the keys
//! change. Tokens are kept and compared as hashes and never written anywhere.

use std::{
    collections::HashMap,
    sync::{Arc, PoisonError, RwLock},
};

use actix_web::http::header::{AUTHORIZATION, HeaderMap};
use jsonwebtoken::{Algorithm, Validation, decode, decode_header, errors::ErrorKind};

use super::{
    claims::{Caller, Claims},
    error::{ApiError, Fault},
    jwks::{KeySet, Keys},
};
use crate::{Timestamp, clock::SharedClock};

/// Clocks may differ by this much, in seconds.
const LEEWAY: f64 = 60.0;
/// How many verified tokens are remembered.
const MAX_REMEMBERED: usize = 10_000;

/// What a token must say about where it comes from.
#[derive(Debug, Clone, Default)]
pub struct Expected {
    /// The `iss` claim; anything if not given.
    pub issuer: Option<String>,
    /// One entry of the `aud` claim; anything if not given.
    pub audience: Option<String>,
}

/// Verifies bearer tokens. Clones share what they remember.
#[derive(Debug, Clone)]
pub struct Auth(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    keys: Keys,
    expected: Expected,
    clock: SharedClock,
    remembered: RwLock<HashMap<blake3::Hash, Remembered>>,
}

#[derive(Debug, Clone)]
struct Remembered {
    caller: Arc<Caller>,
    /// Seconds since 1970, leeway included.
    until: f64,
    generation: u64,
}

#[derive(Debug, PartialEq)]
enum Refusal {
    UnknownKey,
    Expired,
    Invalid,
}

impl Auth {
    /// Trusts tokens signed with these keys.
    pub fn new(keys: Keys, expected: Expected, clock: SharedClock) -> Self {
        Self(Arc::new(Inner { keys, expected, clock, remembered: RwLock::default() }))
    }

    /// Whether there are keys that tokens can be verified with.
    pub fn is_ready(&self) -> bool {
        self.0.keys.current().is_usable()
    }

    /// Who is calling, by the `Authorization` header, or by a token that came another way. To send both is a mistake.
    ///
    /// # Errors
    /// 401 without an acceptable token; 503 if the issuer's keys could not be had for a day.
    pub async fn authenticate(&self, headers: &HeaderMap, other: Option<&str>) -> Result<Arc<Caller>, ApiError> {
        let token = match other {
            Some(token) => Some(token).filter(|_| !headers.contains_key(AUTHORIZATION)),
            None => bearer_token(headers),
        };
        let token = token.ok_or(ApiError::unauthorized(Fault::INVALID))?;
        let hash = blake3::hash(token.as_bytes());
        if let Some(caller) = self.0.recall(&hash) {
            return Ok(caller);
        }
        let mut keys = self.0.keys.current();
        let mut verified = self.0.verify(token, &keys);
        if !keys.is_usable() || matches!(verified, Err(Refusal::UnknownKey)) {
            self.0.keys.refresh().await;
            keys = self.0.keys.current();
            verified = self.0.verify(token, &keys);
        }
        if !keys.is_usable() {
            return Err(ApiError::unavailable("unavailable", "tokens cannot be verified at present", 5));
        }
        match verified {
            Ok(remembered) => {
                let caller = remembered.caller.clone();
                self.0.remember(hash, remembered);
                Ok(caller)
            }
            Err(Refusal::Expired) => Err(ApiError::unauthorized(Fault::EXPIRED)),
            Err(Refusal::UnknownKey | Refusal::Invalid) => Err(ApiError::unauthorized(Fault::INVALID)),
        }
    }
}

impl Inner {
    fn now(&self) -> f64 {
        self.clock.now().unix_millis() as f64 / 1000.0
    }

    fn recall(&self, hash: &blake3::Hash) -> Option<Arc<Caller>> {
        let remembered = self.remembered.read().unwrap_or_else(PoisonError::into_inner);
        let found = remembered.get(hash)?;
        let keys = self.keys.current();
        let holds = found.generation == keys.generation && keys.is_usable() && self.now() < found.until;
        holds.then(|| found.caller.clone())
    }

    fn remember(&self, hash: blake3::Hash, token: Remembered) {
        let mut remembered = self.remembered.write().unwrap_or_else(PoisonError::into_inner);
        if remembered.len() >= MAX_REMEMBERED {
            let now = self.now();
            remembered.retain(|_, token| now < token.until);
            // Still full of live tokens: starting over costs each of them one verification.
            if remembered.len() >= MAX_REMEMBERED {
                remembered.clear();
            }
        }
        remembered.insert(hash, token);
    }

    fn verify(&self, token: &str, keys: &KeySet) -> Result<Remembered, Refusal> {
        let header = decode_header(token).map_err(|_| Refusal::Invalid)?;
        if !matches!(header.alg, Algorithm::RS256 | Algorithm::ES256 | Algorithm::EdDSA) || header.crit.is_some() {
            return Err(Refusal::Invalid);
        }
        let mut refusal = Refusal::UnknownKey;
        for key in keys.candidates(header.kid.as_deref(), header.alg) {
            match decode::<Claims>(token, &key.key, &signature_only(key.algorithm)) {
                Ok(data) => return self.accept(data.claims, keys.generation),
                // Without a key id it may be another key's; with one, a key may have been replaced under its name.
                Err(error) if *error.kind() == ErrorKind::InvalidSignature => {}
                Err(_) => refusal = Refusal::Invalid,
            }
        }
        Err(refusal)
    }

    /// Judges the claims of a token whose signature is good.
    fn accept(&self, claims: Claims, generation: u64) -> Result<Remembered, Refusal> {
        let expiry = claims.exp.filter(|seconds| seconds.is_finite()).ok_or(Refusal::Invalid)?;
        let now = self.now();
        if now >= expiry + LEEWAY {
            return Err(Refusal::Expired);
        }
        if claims.nbf.is_some_and(|start| now < start - LEEWAY) {
            return Err(Refusal::Invalid);
        }
        let Expected { issuer, audience } = &self.expected;
        let from_issuer = issuer.is_none() || claims.iss == *issuer;
        let for_us =
            audience.as_deref().is_none_or(|wanted| claims.aud.as_ref().is_some_and(|words| words.names(wanted)));
        if !from_issuer || !for_us {
            return Err(Refusal::Invalid);
        }
        let until = expiry + LEEWAY;
        // Beyond what a number of milliseconds can say is the end of the calendar.
        let end = Timestamp::from_unix_millis((until * 1000.0) as i64);
        let caller = Arc::new(claims.into_caller(end).ok_or(Refusal::Invalid)?);
        Ok(Remembered { caller, until, generation })
    }
}

/// The signature only: the claims are judged here, by our clock and with the contract's answers.
fn signature_only(algorithm: Algorithm) -> Validation {
    let mut validation = Validation::new(algorithm);
    validation.validate_exp = false;
    validation.validate_aud = false;
    validation.required_spec_claims.clear();
    validation
}

/// The token of the only `Authorization` header, if its scheme is `Bearer`, in any case.
fn bearer_token(headers: &HeaderMap) -> Option<&str> {
    let mut values = headers.get_all(AUTHORIZATION);
    let value = values.next()?.to_str().ok()?;
    if values.next().is_some() {
        return None;
    }
    let (scheme, token) = value.split_once(' ')?;
    let token = token.trim();
    (scheme.eq_ignore_ascii_case("bearer") && !token.is_empty()).then_some(token)
}

#[cfg(test)]
mod tests;
