//! The read side behind a real socket, with a log, a writer and a projector of its own.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use query_service::http::{self, App};
use reqwest::{Client, Method, RequestBuilder, StatusCode, header::HeaderMap};
use serde_json::Value;
use shared::{
    SystemClock,
    consistency::{Acknowledged, Positions},
    http::{
        Auth, Expected, Keys, Router, ServerOptions,
        dev_issuer::{DEV_AUDIENCE, DEV_ISSUER, DevIssuer, TokenRequest},
        serve,
    },
    log::memory::MemLog,
};

use crate::{
    story::Story,
    support::{Catalogue, Projection, Views, empty_log},
};

pub const READ: &str = "customersegment.segment_read";
pub const OWN: &str = "customersegment.segment_read_own";
pub const MANAGE: &str = "customersegment.segment_manage";

/// A running read side of its own.
pub struct Api {
    pub views: Views,
    pub log: MemLog,
    pub story: Story,
    pub projection: Option<Projection>,
    pub catalogue: Catalogue,
    _reference: Projection,
    address: SocketAddr,
    issuer: DevIssuer,
    client: Client,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    pub status: StatusCode,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Api {
    pub async fn start() -> Self {
        Self::open(None, |_| {}).await
    }

    /// In one process with what acknowledges writes.
    pub async fn with(acknowledged: Acknowledged) -> Self {
        Self::open(Some(acknowledged), |_| {}).await
    }

    /// Where segments only count within their validity.
    pub async fn strict() -> Self {
        Self::open(None, |app| app.enforce_validity = true).await
    }

    /// Where products match through their own categories only.
    pub async fn shallow() -> Self {
        Self::open(None, |app| app.match_descendants = false).await
    }

    async fn open(acknowledged: Option<Acknowledged>, set: impl FnOnce(&mut App)) -> Self {
        let (views, log) = (Views::empty().await, empty_log());
        let story = Story::begin(&log).await;
        let projection = Some(views.project(&log));
        let catalogue = Catalogue::empty().await;
        let reference = views.follow(&catalogue);
        let folder = tempfile::tempdir().expect("a folder");
        let issuer = DevIssuer::open(folder.path(), Arc::new(SystemClock)).expect("an issuer");
        let keys = Keys::start(issuer.key_source()).await;
        let expected = Expected { issuer: Some(DEV_ISSUER.to_owned()), audience: Some(DEV_AUDIENCE.to_owned()) };
        let auth = Auth::new(keys, expected, Arc::new(SystemClock));
        let mut app = App {
            pool: views.pool.clone(),
            progress: views.progress.clone(),
            acknowledged,
            clock: Arc::new(SystemClock),
            default_language: "en".to_owned(),
            enforce_validity: false,
            match_descendants: true,
        };
        set(&mut app);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let options = ServerOptions { workers: Some(1), ..ServerOptions::default() };
        tokio::spawn(serve(listener, http::routes(Router::new(auth), &app), options, std::future::pending()));
        let client = Client::new();
        Self { views, log, story, projection, catalogue, _reference: reference, address, issuer, client }
    }

    pub async fn catch_up(&self) {
        self.views.catch_up(&self.story).await;
        self.views.know(&self.catalogue).await;
    }

    /// Waits for a write.
    pub async fn reach(&self, token: &Positions) {
        self.views.reach(token).await;
    }

    /// A token of tenant `acme` with these scopes; of a customer, if one is named: `id` or `id/legal entity`.
    pub fn token(&self, scopes: &str, customer: Option<&str>) -> String {
        let parts = customer.map(|name| name.split_once('/').map_or((name, None), |(id, entity)| (id, Some(entity))));
        let request = TokenRequest {
            grant_type: Some("client_credentials".to_owned()),
            client_id: Some("dev".to_owned()),
            client_secret: Some("dev".to_owned()),
            scope: Some(scopes.to_owned()),
            customer_id: parts.map(|(id, _)| id.to_owned()),
            legal_entity_id: parts.and_then(|(_, entity)| entity).map(str::to_owned),
        };
        self.issuer.grant(&request).expect("a token").access_token
    }

    /// A request to `/customer-segment/{tenant}/segments{rest}`, authorised to read everything of the tenant.
    pub fn request(&self, method: Method, tenant: &str, rest: &str) -> RequestBuilder {
        self.request_by(&self.token(&format!("{READ} tenant={tenant}"), None), method, tenant, rest)
    }

    /// The same with any token.
    pub fn request_by(&self, token: &str, method: Method, tenant: &str, rest: &str) -> RequestBuilder {
        let url = format!("http://{}/customer-segment/{tenant}/segments{rest}", self.address);
        self.client.request(method, url).bearer_auth(token)
    }

    /// A customer's reads of tenant `acme`, in which a total is asked for; named as in [`token`](Self::token).
    pub fn own(&self, customer: &str, rest: &str) -> RequestBuilder {
        self.request_by(&self.token(OWN, Some(customer)), Method::GET, "acme", rest).header("X-Total-Count", "true")
    }

    /// A customer's search of tenant `acme`.
    pub fn own_search(&self, customer: &str, rest: &str, body: &Value) -> RequestBuilder {
        self.request_by(&self.token(OWN, Some(customer)), Method::POST, "acme", rest).json(body)
    }

    pub fn get(&self, rest: &str) -> RequestBuilder {
        self.request(Method::GET, "acme", rest)
    }

    pub fn post(&self, rest: &str, body: &Value) -> RequestBuilder {
        self.request(Method::POST, "acme", rest).json(body)
    }

    /// The ids of a list.
    pub async fn ids(&self, rest: &str) -> Vec<String> {
        let answer = self.get(rest).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{rest}: {}", answer.body);
        answer.ids()
    }

    /// The ids that a filter finds.
    pub async fn find(&self, q: &str) -> Vec<String> {
        let answer = self.get("").query(&[("q", q)]).answer().await;
        assert_eq!(answer.status, StatusCode::OK, "{q}: {}", answer.body);
        answer.ids()
    }
}

/// Sends and reads to the end.
pub trait Sent {
    async fn answer(self) -> Answer;
}

impl Sent for RequestBuilder {
    async fn answer(self) -> Answer {
        let response = self.send().await.expect("an answer");
        let (status, headers) = (response.status(), response.headers().clone());
        let bytes = response.bytes().await.expect("a body");
        let body = if bytes.is_empty() { Value::Null } else { serde_json::from_slice(&bytes).expect("JSON") };
        Answer { status, headers, body }
    }
}

impl Answer {
    pub fn ids(&self) -> Vec<String> {
        let rows = self.body.as_array().expect("an array");
        rows.iter().map(|row| row["id"].as_str().expect("an id").to_owned()).collect()
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("text"))
    }
}
