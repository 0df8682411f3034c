//! A request that is being put together; awaiting it sends it.
//!
//! Unless a test says otherwise a read sends what a client does that wants to see its own writes: the consistency token.

use std::{future::IntoFuture, pin::Pin};

use reqwest::{
    Method,
    header::{CONTENT_TYPE, HeaderMap, HeaderName, HeaderValue},
};
use serde_json::Value;
use shared::consistency::CONSISTENCY_TOKEN;

use crate::{Answer, Caller, Shop};

/// A request to a shop.
#[must_use = "a request is sent when it is awaited"]
pub struct Request<'a> {
    shop: &'a Shop,
    method: Method,
    url: String,
    caller: Caller,
    headers: HeaderMap,
    body: Option<Vec<u8>>,
    sees_own_writes: bool,
}

impl<'a> Request<'a> {
    pub(crate) fn new(shop: &'a Shop, method: Method, url: String) -> Self {
        let sees_own_writes = method == Method::GET || url.contains("/search") || url.contains("/match");
        Self { shop, method, url, caller: Caller::All, headers: HeaderMap::new(), body: None, sees_own_writes }
    }

    /// Who asks; otherwise one who may read and manage.
    pub fn by(mut self, caller: Caller) -> Self {
        self.caller = caller;
        self
    }

    /// One more header.
    pub fn header(mut self, name: &str, value: &str) -> Self {
        let name: HeaderName = name.parse().expect("a header's name");
        self.headers.append(name, HeaderValue::from_str(value).expect("a header's value"));
        self
    }

    /// One more parameter, encoded as browsers do.
    pub fn query(mut self, name: &str, value: &str) -> Self {
        let url = reqwest::Url::parse_with_params("http://x/", [(name, value)]).expect("a query");
        self.url.push(if self.url.contains('?') { '&' } else { '?' });
        self.url.push_str(url.query().expect("there is one"));
        self
    }

    /// A body in JSON.
    pub fn json(self, body: &Value) -> Self {
        self.body("application/json", body.to_string())
    }

    /// Any body of this type.
    pub fn body(mut self, content_type: &str, body: impl Into<Vec<u8>>) -> Self {
        self.headers.insert(CONTENT_TYPE, HeaderValue::from_str(content_type).expect("a header's value"));
        self.body = Some(body.into());
        self
    }

    /// A body whose type nothing says.
    pub fn bare_body(mut self, body: impl Into<Vec<u8>>) -> Self {
        self.body = Some(body.into());
        self
    }

    /// Without the consistency token of what was written before.
    pub fn of_any_age(mut self) -> Self {
        self.sees_own_writes = false;
        self
    }

    async fn send(self) -> Answer {
        let asked = format!("{} {:.300}", self.method, self.url);
        let mut request = self.shop.client.request(self.method.clone(), &self.url).headers(self.headers);
        if let Some(authorization) = self.caller.authorization(&self.shop.tenant) {
            request = request.header("Authorization", authorization);
        }
        if let Some(seen) = self.shop.seen().filter(|_| self.sees_own_writes) {
            request = request.header(CONSISTENCY_TOKEN, seen).header("Prefer", "wait=10");
        }
        if let Some(body) = self.body {
            request = request.body(body);
        }
        let response = request.send().await.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        let text = response.text().await.unwrap_or_else(|error| panic!("{asked}: {error:?}"));
        let answer = Answer { asked, status, headers, text };
        let is_write = !self.sees_own_writes && self.method != Method::GET && (200..300).contains(&status);
        match answer.header(CONSISTENCY_TOKEN) {
            Some(token) => self.shop.remember(token),
            None => assert!(!is_write || self.url.contains("/oauth/"), "{}: no consistency token", answer.asked),
        }
        answer
    }
}

impl<'a> IntoFuture for Request<'a> {
    type Output = Answer;
    type IntoFuture = Pin<Box<dyn Future<Output = Answer> + Send + 'a>>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.send())
    }
}
