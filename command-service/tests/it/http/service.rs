//! A command service on a free port, and the requests that tests send to it.

use std::{
    net::TcpListener,
    sync::{Arc, OnceLock},
};

use command_service::{
    http::{self, App, Settings},
    reference::ReferenceWriter,
    writer::{self, WriterConfig, WriterHandle},
};
use reqwest::{Method, Response, StatusCode};
use serde_json::{Value, json};
use shared::{
    SystemClock,
    consistency::{Acknowledged, Positions},
    http::{
        Auth, Expected, Keys, Router, ServerOptions,
        dev_issuer::{DevIssuer, TokenRequest},
        health, serve,
    },
    log::{EventLog, WriterName, all_granted, local::LocalReference, memory::MemLog},
    telemetry,
};
use tokio::sync::oneshot;
use uuid::Uuid;

pub const MANAGE: &str = "customersegment.segment_manage";
pub const SEGMENTS: &str = "/customer-segment/acme/segments";

/// A command service that serves until it is dropped.
pub struct Service {
    address: String,
    issuer: Arc<DevIssuer>,
    client: reqwest::Client,
    pub writer: WriterHandle,
    pub acknowledged: Acknowledged,
    pub reference: LocalReference,
    _folder: tempfile::TempDir,
    stop: Option<oneshot::Sender<()>>,
}

/// An answer with everything read.
#[derive(Debug)]
pub struct Answered {
    pub status: u16,
    pub body: Value,
    headers: reqwest::header::HeaderMap,
}

impl Answered {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).map(|value| value.to_str().expect("ASCII"))
    }

    /// The positions of the consistency token, which every answered write has.
    pub fn positions(&self) -> Positions {
        self.header("X-Consistency-Token").expect("a token").parse().expect("a token that can be read")
    }
}

/// A request that is being put together.
pub struct Asking<'a> {
    service: &'a Service,
    builder: reqwest::RequestBuilder,
}

impl Service {
    pub async fn start() -> Self {
        Self::start_with(Settings::default()).await
    }

    pub async fn start_with(settings: Settings) -> Self {
        let config = WriterConfig::new("test", WriterName("test".into()));
        Self::start_on(MemLog::new(4, Arc::new(SystemClock)), config, settings).await
    }

    /// On a log of four partitions.
    pub async fn start_on<L: EventLog>(log: L, config: WriterConfig, settings: Settings) -> Self {
        let clock = Arc::new(SystemClock);
        let ids = Box::new(Uuid::now_v7);
        let (mut writer, _task) =
            writer::start(log, || all_granted(4), clock.clone(), ids, config).await.expect("an empty log can be read");
        writer.ready().await;

        let own_folder = tempfile::tempdir().expect("a temporary folder");
        let reference = LocalReference::open(own_folder.path().join("reference.sqlite")).await.expect("a file");

        static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
        let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
        let issuer = Arc::new(DevIssuer::open(folder.path(), clock.clone()).expect("an issuer"));
        let auth = Auth::new(Keys::start(issuer.key_source()).await, Expected::default(), clock);

        let acknowledged = Acknowledged::default();
        let app =
            App::new(writer.clone(), ReferenceWriter::new(reference.clone()), settings, Some(acknowledged.clone()));
        let checked = (writer.clone(), auth.clone());
        let readiness: health::Readiness = Arc::new(move || http::checks(&checked.0, &checked.1));
        let router = http::routes(Router::new(auth), &app).plain(health::routes(readiness, telemetry::no_metrics()));
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let (stop, stopped) = oneshot::channel::<()>();
        let options = ServerOptions { workers: Some(1), ..ServerOptions::default() };
        tokio::spawn(serve(listener, router, options, async move {
            // An error means that the service was dropped, which is a reason to stop as well.
            let _reason = stopped.await;
        }));
        Self {
            address,
            issuer,
            client: reqwest::Client::new(),
            writer,
            acknowledged,
            reference,
            _folder: own_folder,
            stop: Some(stop),
        }
    }

    pub fn token(&self, scope: &str) -> String {
        let request = TokenRequest {
            grant_type: Some("client_credentials".into()),
            client_id: Some("dev".into()),
            client_secret: Some("dev".into()),
            scope: Some(scope.to_owned()),
            ..TokenRequest::default()
        };
        self.issuer.grant(&request).expect("a token").access_token
    }

    /// A request with a token that allows writes.
    pub fn ask(&self, method: &str, path: &str) -> Asking<'_> {
        let token = self.token(MANAGE);
        self.ask_plainly(method, path).header("Authorization", &format!("Bearer {token}"))
    }

    /// A request without a token.
    pub fn ask_plainly(&self, method: &str, path: &str) -> Asking<'_> {
        let method = Method::from_bytes(method.as_bytes()).expect("a method");
        let builder = self.client.request(method, format!("{}{path}", self.address));
        Asking { service: self, builder }
    }

    pub async fn create(&self, body: Value) -> Answered {
        self.ask("POST", SEGMENTS).json(&body).await
    }

    pub async fn put(&self, id: &str, body: Value) -> Answered {
        self.ask("PUT", &format!("{SEGMENTS}/{id}")).json(&body).await
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the server has ended already.
            let _ended = stop.send(());
        }
    }
}

impl Asking<'_> {
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.builder = self.builder.header(name, value);
        self
    }

    pub async fn json(self, body: &Value) -> Answered {
        self.header("Content-Type", "application/json").text(&body.to_string()).await
    }

    /// With a body or without one.
    pub async fn json_or_nothing(self, body: Option<&Value>) -> Answered {
        match body {
            Some(body) => self.json(body).await,
            None => self.send().await,
        }
    }

    pub async fn text(self, body: &str) -> Answered {
        let Self { service, builder } = self;
        Asking { service, builder: builder.body(body.to_owned()) }.send().await
    }

    pub async fn send(self) -> Answered {
        let response: Response = self.builder.send().await.expect("the service answers");
        let status: StatusCode = response.status();
        let headers = response.headers().clone();
        let text = response.text().await.expect("the answer can be read");
        let body = if text.is_empty() { Value::Null } else { serde_json::from_str(&text).expect("JSON") };
        Answered { status: status.as_u16(), body, headers }
    }
}

/// The golden segment of the contract.
pub fn golden() -> Value {
    json!({
        "id": "g1",
        "name": { "en": "Golden Segment" },
        "description": { "en": "Golden Segment" },
        "validity": { "from": "2024-04-17T08:00:00.000Z", "to": "2025-04-17T08:00:00.000Z" },
        "status": "ACTIVE",
        "siteCode": "main"
    })
}

/// The golden segment with some members set; `null` takes one away.
pub fn golden_with(members: Value) -> Value {
    let mut body = golden();
    for (name, value) in members.as_object().expect("an object") {
        body[name] = value.clone();
    }
    body
}

/// The golden segment under another id.
pub fn named(id: &str) -> Value {
    golden_with(json!({ "id": id }))
}

/// A body for a put: the golden segment without an id.
pub fn document() -> Value {
    golden_with(json!({ "id": null }))
}
