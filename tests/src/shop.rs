//! A tenant of its own for one test, and short words for what tests do with it.

use std::{
    fmt,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use reqwest::Method;
use serde_json::Value;
use shared::consistency::Positions;

use crate::{Answer, Request, stack};

/// How long reads may take to show what another client wrote.
const PATIENCE: Duration = Duration::from_secs(20);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// One tenant on a running service.
pub struct Shop {
    /// The tenant.
    pub tenant: String,
    pub(crate) client: reqwest::Client,
    origin: String,
    /// Everything that was written so far. A client in the field keeps the token of its latest write; tests look at several
    /// segments at once, so theirs are merged.
    seen: Mutex<Positions>,
}

impl Shop {
    /// A new tenant on the stack of this run.
    pub async fn open() -> Self {
        Self::at(&stack::current().await.origin)
    }

    /// A new tenant on the service at this address, such as `http://127.0.0.1:8080`.
    pub fn at(origin: &str) -> Self {
        // The end of the id is random.
        let unique = uuid::Uuid::now_v7().simple().to_string();
        Self::of(&format!("t{}", &unique[18..]), origin)
    }

    /// A tenant on the service at this address.
    pub fn of(tenant: &str, origin: &str) -> Self {
        let redirects = reqwest::redirect::Policy::none();
        let client = reqwest::Client::builder().no_proxy().redirect(redirects).build().expect("a client");
        Self { tenant: tenant.to_owned(), client, origin: origin.to_owned(), seen: Mutex::default() }
    }

    /// A request below `/customer-segment/{tenant}/segments`.
    pub fn ask(&self, method: Method, path: &str) -> Request<'_> {
        self.ask_at(method, &format!("/customer-segment/{}/segments{path}", self.tenant))
    }

    /// A request to any path.
    pub fn ask_at(&self, method: Method, path: &str) -> Request<'_> {
        Request::new(self, method, self.address(path))
    }

    /// The address of a path.
    pub fn address(&self, path: &str) -> String {
        format!("{}{path}", self.origin)
    }

    /// `GET …/segments{path}`.
    pub fn get(&self, path: &str) -> Request<'_> {
        self.ask(Method::GET, path)
    }

    /// `POST …/segments{path}`.
    pub fn post(&self, path: &str, body: &Value) -> Request<'_> {
        self.ask(Method::POST, path).json(body)
    }

    /// `PUT …/segments{path}`.
    pub fn put(&self, path: &str, body: &Value) -> Request<'_> {
        self.ask(Method::PUT, path).json(body)
    }

    /// `PATCH …/segments{path}`.
    pub fn patch(&self, path: &str, body: &Value) -> Request<'_> {
        self.ask(Method::PATCH, path).json(body)
    }

    /// `DELETE …/segments{path}`.
    pub fn delete(&self, path: &str) -> Request<'_> {
        self.ask(Method::DELETE, path)
    }

    /// Creates a segment, which must succeed.
    pub async fn create(&self, body: Value) -> Answer {
        self.post("", &body).await.expect(201)
    }

    /// Creates segments, which must succeed.
    pub async fn create_all(&self, bodies: &[Value]) {
        for some in bodies.chunks(200) {
            let results = self.post("/bulk", &Value::from(some)).await.expect(207);
            assert!(results.column("code").iter().all(|code| code == 201), "{}", results.text);
        }
    }

    /// Assigns an item, which must not have been assigned before.
    pub async fn assign(&self, segment: &str, kind: &str, item: &str) {
        self.ask(Method::PUT, &format!("/{segment}/items/{kind}/{item}")).await.empty(201);
    }

    /// Assigns a customer, `id` or `id/legal entity`, which must not have been assigned before.
    pub async fn join(&self, segment: &str, customer: &str) {
        self.ask(Method::PUT, &format!("/{segment}/customers/{customer}")).await.empty(201);
    }

    /// Writes entries of reference data, which must succeed.
    pub async fn know(&self, kind: &str, entries: &Value) {
        let path = format!("/reference/{}/{kind}/bulk", self.tenant);
        let results = self.ask_at(Method::PUT, &path).json(entries).await.expect(207);
        assert!(
            results.column("code").iter().all(|code| code == 200 || code == 201 || code == 204),
            "{}",
            results.text
        );
    }

    /// Asks until the answer is as it should be, where somebody else has written and nobody has a consistency token.
    pub async fn eventually(&self, what: &str, mut holds: impl AsyncFnMut() -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !holds().await {
            assert!(tokio::time::Instant::now() < deadline, "{what}: not within {PATIENCE:?}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    /// The segment as it is now.
    pub async fn segment(&self, id: &str) -> Value {
        self.get(&format!("/{id}")).await.expect(200).json()
    }

    /// The ids of the segments that this `q` finds, in order.
    pub async fn find(&self, q: &str) -> Vec<String> {
        self.get("").query("q", q).await.expect(200).ids()
    }

    /// The consistency token of everything that was written, if anything was.
    pub fn seen(&self) -> Option<String> {
        let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        (!seen.is_empty()).then(|| seen.to_string())
    }

    pub(crate) fn remember(&self, token: &str) {
        let positions: Positions = token.parse().unwrap_or_else(|error| panic!("{token}: {error}"));
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).merge(&positions);
    }
}

impl fmt::Debug for Shop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shop").field("tenant", &self.tenant).field("origin", &self.origin).finish_non_exhaustive()
    }
}
