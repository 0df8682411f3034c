//! An issuer of access tokens for development: `POST /oauth/token` and `GET /.well-known/jwks.json`.
//!
//! Anyone who can reach it can have any token of any tenant: it must never face a network that is not trusted.
//!
//! The request is a form as in RFC 6749, section 4.4, for the one client `dev` with the secret `dev` (in the form or as
//! HTTP Basic): `grant_type=client_credentials`, and optionally
//! - `scope`: words separated by spaces; `tenant=…` among them names the tenant (`acme` if none); without any other, all
//!   scopes of the client are granted (to a customer: only `customersegment.segment_read_own`);
//! - `customer_id`: makes it a customer's token; `legal_entity_id`: the legal entity that the customer acts for.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    sync::Arc,
};

use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, http::StatusCode, http::header, web};
use aws_lc_rs::{rand::SystemRandom, signature::Ed25519KeyPair};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use futures::{FutureExt as _, future::LocalBoxFuture};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode, jwk::Jwk, jwk::PublicKeyUse};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::{
    body,
    error::{ApiError, ApiResult},
    jwks::KeySource,
    operation::Method,
    router::PlainRoute,
    scope::{Scope, Scopes},
};
use crate::{clock::SharedClock, ids::Tenant};

/// The `iss` claim of its tokens.
pub const DEV_ISSUER: &str = "urn:customer-segment:development-issuer";
/// The `aud` claim of its tokens.
pub const DEV_AUDIENCE: &str = "customer-segment";

const CLIENT: &str = "dev";
const DEFAULT_TENANT: &str = "acme";
const LIFETIME_SECONDS: i64 = 14_399;
const KEY_FILE: &str = "dev-issuer.pk8";

/// The issuer could not be set up.
#[derive(Debug, thiserror::Error)]
pub enum DevIssuerError {
    /// The key file could not be read or written.
    #[error("the key of the development issuer at {path} cannot be used: {source}")]
    File {
        /// Where it is.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The key could not be made, or is not one.
    #[error("the key of the development issuer is not usable: {0}")]
    Key(String),
}

/// Issues tokens to whoever asks.
pub struct DevIssuer {
    key: EncodingKey,
    key_id: String,
    public_keys: Value,
    clock: SharedClock,
}

impl DevIssuer {
    /// Takes the key from the folder, or makes one and keeps it there, readable by the owner alone.
    pub fn open(folder: &Path, clock: SharedClock) -> Result<Self, DevIssuerError> {
        let path = folder.join(KEY_FILE);
        let der = read_or_create(&path).map_err(|source| DevIssuerError::File { path, source })?;
        let unusable = |error: &dyn std::fmt::Display| DevIssuerError::Key(error.to_string());
        Ed25519KeyPair::from_pkcs8(&der).map_err(|error| unusable(&error))?;
        let key = EncodingKey::from_ed_der(&der);
        let mut jwk = Jwk::from_encoding_key(&key, Algorithm::EdDSA).map_err(|error| unusable(&error))?;
        let key_id =
            blake3::hash(&serde_json::to_vec(&jwk).map_err(|error| unusable(&error))?).to_hex()[..16].to_owned();
        jwk.common.key_id = Some(key_id.clone());
        jwk.common.public_key_use = Some(PublicKeyUse::Signature);
        tracing::warn!("the development issuer gives a token to anyone who asks; never use it in production");
        Ok(Self { key, key_id, public_keys: json!({ "keys": [jwk] }), clock })
    }

    /// Its public keys, for the services that trust it.
    pub fn key_source(&self) -> KeySource {
        KeySource::Fixed(self.public_keys.clone())
    }

    /// Its two paths.
    pub fn routes(self: &Arc<Self>) -> Vec<PlainRoute> {
        let (tokens, keys) = (Arc::clone(self), Arc::clone(self));
        vec![
            PlainRoute::new(Method::Post, "/oauth/token", move |request, payload| {
                answer_token_request(Arc::clone(&tokens), request, payload).boxed_local()
            }),
            PlainRoute::new(Method::Get, "/.well-known/jwks.json", move |_, _| {
                let body = HttpResponse::Ok().json(&keys.public_keys);
                async move { Ok(body) }.boxed_local() as LocalBoxFuture<'static, ApiResult>
            }),
        ]
    }

    /// Answers a token request.
    ///
    /// # Errors
    /// The error of RFC 6749, section 5.2.
    pub fn grant(&self, request: &TokenRequest) -> Result<TokenResponse, OAuthError> {
        match request.grant_type.as_deref() {
            Some("client_credentials") => {}
            Some(_) => return Err(OAuthError::UnsupportedGrantType),
            None => return Err(OAuthError::InvalidRequest("grant_type is missing")),
        }
        if request.client_id.as_deref() != Some(CLIENT) || request.client_secret.as_deref() != Some(CLIENT) {
            return Err(OAuthError::InvalidClient);
        }
        let customer_id = request.customer_id.as_deref().filter(|id| !id.is_empty());
        let (tenant, scopes) = wanted(request.scope.as_deref().unwrap_or_default(), customer_id.is_some())?;
        let mut words: Vec<String> = scopes.iter().map(|scope| scope.as_str().to_owned()).collect();
        words.push(format!("tenant={tenant}"));
        let scope = words.join(" ");
        let issued_at = self.clock.now().unix_millis() / 1000;
        let claims = Claims {
            iss: DEV_ISSUER,
            aud: DEV_AUDIENCE,
            iat: issued_at,
            exp: issued_at + LIFETIME_SECONDS,
            sub: customer_id.unwrap_or(CLIENT),
            azp: CLIENT,
            tenant: tenant.as_str(),
            scope: &scope,
            token_type: if customer_id.is_some() { "customer" } else { "service" },
            customer_id,
            legal_entity_id: request.legal_entity_id.as_deref().filter(|id| !id.is_empty() && customer_id.is_some()),
        };
        let mut header = Header::new(Algorithm::EdDSA);
        header.kid = Some(self.key_id.clone());
        let access_token = encode(&header, &claims, &self.key).map_err(|_| OAuthError::ServerError)?;
        Ok(TokenResponse {
            access_token,
            token_type: "Bearer",
            expires_in: LIFETIME_SECONDS,
            session_idle_time: 120,
            refresh_token: "",
            refresh_token_expires_in: 0,
            scope,
        })
    }
}

/// A token request.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct TokenRequest {
    /// Must be `client_credentials`.
    pub grant_type: Option<String>,
    /// Must be `dev`.
    pub client_id: Option<String>,
    /// Must be `dev`.
    pub client_secret: Option<String>,
    /// Words separated by spaces.
    pub scope: Option<String>,
    /// The customer whose token it is.
    pub customer_id: Option<String>,
    /// The legal entity that the customer acts for.
    pub legal_entity_id: Option<String>,
}

/// A granted token.
#[derive(Debug, Serialize)]
#[expect(missing_docs, reason = "named as RFC 6749 and the platform name them")]
pub struct TokenResponse {
    pub access_token: String,
    pub token_type: &'static str,
    pub expires_in: i64,
    pub session_idle_time: u32,
    pub refresh_token: &'static str,
    pub refresh_token_expires_in: u32,
    pub scope: String,
}

/// Why no token was granted: the codes of RFC 6749, section 5.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "named as RFC 6749 names them")]
pub enum OAuthError {
    InvalidRequest(&'static str),
    InvalidClient,
    InvalidScope(&'static str),
    UnsupportedGrantType,
    ServerError,
}

impl OAuthError {
    fn response(self) -> HttpResponse {
        let (status, error, description) = match self {
            Self::InvalidRequest(why) => (StatusCode::BAD_REQUEST, "invalid_request", why),
            Self::InvalidClient => {
                (StatusCode::UNAUTHORIZED, "invalid_client", "the client is dev with the secret dev")
            }
            Self::InvalidScope(why) => (StatusCode::BAD_REQUEST, "invalid_scope", why),
            Self::UnsupportedGrantType => {
                (StatusCode::BAD_REQUEST, "unsupported_grant_type", "only client_credentials is supported")
            }
            Self::ServerError => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "the token could not be signed"),
        };
        let mut response = HttpResponseBuilder::new(status);
        if self == Self::InvalidClient {
            response.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"development\""));
        }
        response
            .insert_header((header::CACHE_CONTROL, "no-store"))
            .json(json!({ "error": error, "error_description": description }))
    }
}

#[derive(Serialize)]
struct Claims<'a> {
    iss: &'a str,
    aud: &'a str,
    iat: i64,
    exp: i64,
    sub: &'a str,
    azp: &'a str,
    tenant: &'a str,
    scope: &'a str,
    token_type: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_id: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    legal_entity_id: Option<&'a str>,
}

/// The tenant and the scopes that a request asks for.
fn wanted(scope: &str, is_customer: bool) -> Result<(Tenant, Scopes), OAuthError> {
    let (tenants, names): (Vec<&str>, Vec<&str>) =
        scope.split_ascii_whitespace().partition(|word| word.starts_with("tenant="));
    let tenant = tenants.first().map_or(DEFAULT_TENANT, |word| &word["tenant=".len()..]);
    let tenant = Tenant::parse(tenant).map_err(|_| OAuthError::InvalidScope("the tenant is not valid"))?;
    let known: Option<Scopes> = names.iter().map(|name| Scope::parse(name)).collect();
    let known = known.ok_or(OAuthError::InvalidScope("a scope is unknown"))?;
    Ok(match (names.is_empty(), is_customer) {
        (false, _) => (tenant, known),
        (true, true) => (tenant, Scopes::of(&[Scope::ReadOwn])),
        (true, false) => (tenant, Scopes::of(&Scope::ALL)),
    })
}

async fn answer_token_request(issuer: Arc<DevIssuer>, request: HttpRequest, payload: web::Payload) -> ApiResult {
    let form = body::read(&request, payload).await?;
    let Ok(mut token_request) = serde_urlencoded::from_bytes::<TokenRequest>(&form) else {
        return Ok(OAuthError::InvalidRequest("the body is not a form, or a field is given twice").response());
    };
    if let Some((client, secret)) = basic_credentials(&request) {
        token_request.client_id = Some(client);
        token_request.client_secret = Some(secret);
    }
    match issuer.grant(&token_request) {
        Ok(token) => Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(token)),
        Err(OAuthError::ServerError) => Err(ApiError::internal()),
        Err(error) => Ok(error.response()),
    }
}

fn basic_credentials(request: &HttpRequest) -> Option<(String, String)> {
    let value = request.headers().get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, encoded) = value.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(BASE64_STANDARD.decode(encoded.trim()).ok()?).ok()?;
    let (client, secret) = decoded.split_once(':')?;
    Some((client.to_owned(), secret.to_owned()))
}

fn read_or_create(path: &Path) -> std::io::Result<Vec<u8>> {
    use std::os::unix::fs::OpenOptionsExt as _;
    match fs::read(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        read => return read,
    }
    let document = Ed25519KeyPair::generate_pkcs8v1(&SystemRandom::new())
        .map_err(|_| std::io::Error::other("no key could be generated"))?;
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    // Written aside and linked: a crash leaves no half a key, and of two that start at once both use the first one's.
    let aside = path.with_extension(uuid::Uuid::now_v7().to_string());
    let mut file = fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(&aside)?;
    file.write_all(document.as_ref())?;
    file.sync_all()?;
    let linked = fs::hard_link(&aside, path);
    fs::remove_file(&aside)?;
    match linked {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => Err(error),
        _ => fs::read(path),
    }
}
