//! The read side behind a real socket, with a log, a writer and a projector of its own.

use std::{
    net::{SocketAddr, TcpListener},
    sync::Arc,
};

use query_service::{
    feed::Feed,
    http::{self, App},
    index::{Follower, Index, Shadow, Share},
    present::Present,
    projector::Health,
    views::Version,
};
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
    log::{EventLog as _, memory::MemLog},
    reference::ReferenceLog as _,
};
use tokio::task::JoinHandle;

use crate::{
    story::Story,
    support::{Catalogue, Projection, Views, empty_log, eventually},
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
    /// Answers matches once it is followed.
    pub index: Index,
    follower: Option<JoinHandle<()>>,
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

    /// Where every match of the index is compared with the views.
    pub async fn doubtful() -> Self {
        Self::open(None, |app| app.shadow = Shadow::of("1".parse().expect("a share"))).await
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
        let index = Index::new(log.partitions(), catalogue.log.partitions());
        let mut app = App {
            reader: views.reader.clone(),
            progress: views.progress.clone(),
            acknowledged,
            clock: Arc::new(SystemClock),
            default_language: "en".to_owned(),
            enforce_validity: false,
            match_descendants: true,
            index: Some(index.clone()),
            shadow: Shadow::of(Share::default()),
        };
        set(&mut app);
        let feed = Feed::new(log.clone(), 2);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("an address");
        let options = ServerOptions { workers: Some(1), ..ServerOptions::default() };
        tokio::spawn(serve(
            listener,
            http::routes(Router::new(auth), &Present::new(app), &feed),
            options,
            std::future::pending(),
        ));
        let client = Client::new();
        let (follower, _reference) = (None, reference);
        Self { views, log, story, projection, catalogue, index, follower, _reference, address, issuer, client }
    }

    /// From here on matches are answered from memory.
    pub async fn follow(&mut self) {
        self.begin_to_follow();
        eventually("the index is ready", async || self.index.is_ready()).await;
    }

    /// The same without waiting.
    pub fn begin_to_follow(&mut self) {
        let (log, reference) = (self.log.clone(), self.catalogue.log.clone());
        let follower = Follower::new(self.index.clone(), log, reference, Health::new(Version::FIRST, 0));
        self.follower = Some(tokio::spawn(follower.run()));
    }

    /// The index stays as it is.
    pub fn leave(&mut self) {
        self.follower.take().expect("followed").abort();
    }

    pub async fn catch_up(&self) {
        self.views.catch_up(&self.story).await;
        self.views.know(&self.catalogue).await;
        if self.follower.is_some() {
            let mut everything = self.story.end().await;
            everything.merge(&self.catalogue.end().await);
            eventually("the index has read everything", async || self.index.progress().reached(&everything)).await;
        }
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

    /// The events of a tenant, to a manager of it; `rest` begins behind `/events`.
    pub fn events(&self, tenant: &str, rest: &str) -> RequestBuilder {
        let token = self.token(&format!("{MANAGE} tenant={tenant}"), None);
        self.client.get(self.events_url(tenant, rest)).bearer_auth(token)
    }

    /// The same without a token.
    pub fn events_url(&self, tenant: &str, rest: &str) -> String {
        format!("http://{}/customer-segment/{tenant}/events{rest}", self.address)
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

impl Drop for Api {
    fn drop(&mut self) {
        if let Some(follower) = &self.follower {
            follower.abort();
        }
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
