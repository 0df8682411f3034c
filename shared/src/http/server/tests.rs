use std::{
    net::SocketAddr,
    sync::{Arc, OnceLock},
};

use actix_web::HttpResponse;
use futures::FutureExt as _;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt as _, AsyncWriteExt as _},
    net::TcpStream,
    sync::oneshot,
};

use super::*;
use crate::{
    SystemClock,
    http::{
        Auth, Call, Expected, Keys, Method, Operation, PlainRoute,
        dev_issuer::{DevIssuer, TokenRequest},
        error::ApiResult,
    },
};

/// A server with two operations and one plain path, and tokens for it.
struct Running {
    address: SocketAddr,
    issuer: Arc<DevIssuer>,
    stop: Option<oneshot::Sender<()>>,
}

impl Running {
    async fn start() -> Self {
        static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
        let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a temporary folder"));
        let issuer = Arc::new(DevIssuer::open(folder.path(), Arc::new(SystemClock)).expect("an issuer"));
        let auth = Auth::new(Keys::start(issuer.key_source()).await, Expected::default(), Arc::new(SystemClock));
        let router = Router::new(auth)
            .on(Operation::PutSegment, &(), echo)
            .on(Operation::BulkPutSegments, &(), echo)
            .plain(issuer.routes())
            .plain([PlainRoute::new(Method::Get, "/panic", |_, _| async { panic!("on purpose") }.boxed_local())]);
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("it is bound");
        let (stop, stopped) = oneshot::channel::<()>();
        let options = ServerOptions { workers: Some(1), ..ServerOptions::default() };
        tokio::spawn(serve(listener, router, options, async move { drop(stopped.await) }));
        Self { address, issuer, stop: Some(stop) }
    }

    fn token(&self, scope: &str) -> String {
        let word = |text: &str| Some(text.to_owned());
        let request = TokenRequest {
            grant_type: word("client_credentials"),
            client_id: word("dev"),
            client_secret: word("dev"),
            scope: word(scope),
            ..TokenRequest::default()
        };
        self.issuer.grant(&request).expect("a token").access_token
    }

    /// Sends a request as it stands, and reads status line, headers and body of the answer.
    async fn send(&self, head: &str, body: &[u8]) -> (u16, String, Value) {
        let mut stream = TcpStream::connect(self.address).await.expect("the server listens");
        stream.write_all(format!("{head}connection: close\r\nhost: x\r\n\r\n").as_bytes()).await.expect("it reads");
        // The server may answer, and stop reading, before it has everything.
        drop(stream.write_all(body).await);
        let mut answer = Vec::new();
        drop(stream.read_to_end(&mut answer).await);
        let answer = String::from_utf8_lossy(&answer).into_owned();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
        let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0);
        (status, head.to_lowercase(), serde_json::from_str(body).unwrap_or(Value::Null))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // An error means that the server has ended already.
            let _ended = stop.send(());
        }
    }
}

/// Refuses `?bad`, then answers with the body.
async fn echo(_: (), mut call: Call) -> ApiResult {
    call.query().get_bool("bad")?;
    Ok(HttpResponse::Ok().json(call.json().await?))
}

const PUT: &str = "PUT /customer-segment/acme/segments/g1 HTTP/1.1\r\n";

#[tokio::test]
async fn of_several_faults_the_first_in_order_is_answered() {
    let server = Running::start().await;
    let manage = format!("authorization: Bearer {}\r\n", server.token("customersegment.segment_manage"));
    let read = format!("authorization: Bearer {}\r\n", server.token("customersegment.segment_read"));
    let other = format!("authorization: Bearer {}\r\n", server.token("customersegment.segment_manage tenant=other"));
    let base = "/customer-segment/acme/segments/g1";
    let large = format!("x-large: {}\r\n", "x".repeat(61 * 1024));
    for (case, head, expected) in [
        ("unknown path", "GET /nowhere HTTP/1.1\r\n".into(), 404),
        ("trailing slash", format!("PUT {base}/ HTTP/1.1\r\n"), 404),
        ("not UTF-8", "PUT /customer-segment/acme/segments/%ff HTTP/1.1\r\n".into(), 404),
        ("wrong method", format!("POST {base} HTTP/1.1\r\n"), 405),
        ("wrong method on a static word", "PUT /customer-segment/acme/segments/search HTTP/1.1\r\n".into(), 405),
        ("an operation of another process", "POST /customer-segment/acme/segments/search HTTP/1.1\r\n".into(), 404),
        ("another process, same path", format!("GET {base} HTTP/1.1\r\n"), 405),
        ("a long URL", format!("PUT {base}?x={} HTTP/1.1\r\n", "y".repeat(11 * 1024)), 414),
        ("long headers", format!("{PUT}{large}"), 431),
        ("a long body, announced", format!("{PUT}content-length: 10485761\r\n"), 413),
        ("no token", PUT.into(), 401),
        ("no token, bad tenant", "PUT /customer-segment/AC/segments/g1 HTTP/1.1\r\n".into(), 401),
        ("bad tenant", format!("PUT /customer-segment/AC/segments/g1 HTTP/1.1\r\n{manage}"), 400),
        ("other tenant and no scope", format!("{PUT}{other}"), 403),
        ("no scope and bad parameter", format!("PUT {base}?bad=x HTTP/1.1\r\n{read}"), 403),
        ("tenant header", format!("{PUT}{manage}emporix-tenant: other\r\n"), 400),
        ("bad parameter", format!("PUT {base}?bad=x HTTP/1.1\r\n{manage}"), 400),
        ("good", format!("{PUT}{manage}emporix-tenant: acme\r\ncontent-length: 2\r\n"), 200),
    ] {
        let content: &[u8] = if expected == 200 { b"{}" } else { b"" };
        let (status, _, body) = server.send(&head, content).await;
        assert_eq!(status, expected, "{case}");
        match status {
            200 => assert_eq!(body, json!({}), "{case}"),
            401 => assert_eq!(body["fault"]["faultstring"], "Invalid access token", "{case}"),
            _ => assert_eq!(body["code"], expected, "{case}"),
        }
    }
}

#[tokio::test]
async fn bodies_are_judged_by_format_then_size_then_syntax() {
    let server = Running::start().await;
    let token = format!("authorization: Bearer {}\r\n", server.token("customersegment.segment_manage"));
    let chunked = |size: usize| {
        let mut body = Vec::new();
        for _ in 0..size / 65_536 {
            body.extend_from_slice(b"10000\r\n");
            body.extend_from_slice(&vec![b' '; 65_536]);
            body.extend_from_slice(b"\r\n");
        }
        body.extend_from_slice(b"2\r\n{}\r\n0\r\n\r\n");
        body
    };
    for (case, headers, body, expected) in [
        ("text", "content-type: text/plain\r\ncontent-length: 2\r\n", b"{}".to_vec(), 415),
        ("compressed", "content-encoding: gzip\r\ncontent-length: 2\r\n", b"{}".to_vec(), 415),
        ("no format", "content-length: 2\r\n", b"{}".to_vec(), 200),
        ("no body", "", Vec::new(), 200),
        ("not JSON", "content-length: 2\r\n", b"{x".to_vec(), 400),
        ("chunked", "transfer-encoding: chunked\r\n", chunked(1024 * 1024), 200),
        ("chunked and too long", "transfer-encoding: chunked\r\n", chunked(11 * 1024 * 1024), 413),
    ] {
        let (status, _, body) = server.send(&format!("{PUT}{token}{headers}"), &body).await;
        assert_eq!(status, expected, "{case}: {body}");
    }
}

#[tokio::test]
async fn a_wrong_method_is_told_the_right_ones_of_the_whole_api() {
    let server = Running::start().await;
    for (line, allow) in [
        ("POST /customer-segment/acme/segments/g1", "allow: get, put, patch, delete"),
        ("BREW /customer-segment/acme/segments/search", "allow: post"),
        ("GET /customer-segment/acme/segments/g1", "allow: put"),
        ("GET /oauth/token", "allow: post"),
    ] {
        let (status, head, _) = server.send(&format!("{line} HTTP/1.1\r\n"), b"").await;
        assert_eq!(status, 405, "{line}");
        assert!(head.contains(&format!("{allow}\r\n")), "{line}: {head}");
    }
}

#[tokio::test]
async fn a_handler_that_panics_answers_500() {
    let server = Running::start().await;
    let (status, _, body) = server.send("GET /panic HTTP/1.1\r\n", b"").await;
    assert_eq!((status, &body["code"]), (500, &json!(500)));
}

#[tokio::test]
async fn the_development_issuer_answers_as_rfc_6749_has_it() {
    let server = Running::start().await;
    let good = "grant_type=client_credentials&client_id=dev&client_secret=dev";
    for (case, form, status, error) in [
        ("good", good.to_owned(), 200, Value::Null),
        ("no grant", "client_id=dev&client_secret=dev".into(), 400, json!("invalid_request")),
        ("another grant", "grant_type=password".into(), 400, json!("unsupported_grant_type")),
        ("a wrong secret", good.replace("secret=dev", "secret=x"), 401, json!("invalid_client")),
        ("an unknown scope", format!("{good}&scope=x"), 400, json!("invalid_scope")),
        ("a wrong tenant", format!("{good}&scope=tenant%3DA"), 400, json!("invalid_scope")),
        ("a field twice", format!("{good}&scope=&scope="), 400, json!("invalid_request")),
    ] {
        let head = format!(
            "POST /oauth/token HTTP/1.1\r\ncontent-type: application/x-www-form-urlencoded\r\ncontent-length: {}\r\n",
            form.len()
        );
        let (answered, _, body) = server.send(&head, form.as_bytes()).await;
        assert_eq!((answered, &body["error"]), (status, &error), "{case}");
    }
}

#[tokio::test]
async fn tokens_of_the_development_issuer_carry_what_was_asked_for() {
    let server = Running::start().await;
    let request = |scope: Option<&str>, customer: Option<&str>| TokenRequest {
        grant_type: Some("client_credentials".into()),
        client_id: Some("dev".into()),
        client_secret: Some("dev".into()),
        scope: scope.map(str::to_owned),
        customer_id: customer.map(str::to_owned),
        legal_entity_id: customer.map(|_| "le1".to_owned()),
    };
    let all =
        "customersegment.segment_read customersegment.segment_read_own customersegment.segment_manage tenant=acme";
    for (scope, customer, granted) in [
        (None, None, all),
        (Some("tenant=other customersegment.segment_read"), None, "customersegment.segment_read tenant=other"),
        (None, Some("c1"), "customersegment.segment_read_own tenant=acme"),
    ] {
        let answer = server.issuer.grant(&request(scope, customer)).expect("a token");
        assert_eq!(answer.scope, granted);
        assert_eq!(answer.expires_in, 14_399);
    }
}

#[tokio::test]
async fn what_the_parser_refuses_is_answered_in_the_shape_of_the_api() {
    let server = Running::start().await;
    let many = (0..100).map(|number| format!("x-{number}: y\r\n")).collect::<String>();
    for (case, head, expected) in [
        ("not HTTP", "nonsense\r\n".to_owned(), 400),
        ("a header without a name", format!("{PUT}: x\r\n"), 400),
        ("two lengths", format!("{PUT}content-length: 1\r\ncontent-length: 2\r\n"), 400),
        ("headers beyond the parser", format!("{PUT}x: {}\r\n", "y".repeat(140 * 1024)), 431),
        ("too many headers", format!("{PUT}{many}"), 431),
        ("a URL beyond the parser", format!("PUT /{} HTTP/1.1\r\n", "y".repeat(70 * 1024)), 400),
    ] {
        let (status, head, body) = server.send(&head, b"").await;
        assert_eq!(status, expected, "{case}");
        assert_eq!(body["code"], expected, "{case}: {head}");
    }
}

#[tokio::test]
async fn a_stopped_server_finishes_what_is_under_way() {
    let mut server = Running::start().await;
    let token = server.token("customersegment.segment_manage");
    let mut stream = TcpStream::connect(server.address).await.expect("the server listens");
    let head = format!("{PUT}host: x\r\nauthorization: Bearer {token}\r\ncontent-length: 2\r\n\r\n{{");
    stream.write_all(head.as_bytes()).await.expect("it reads");
    // Once it has answered somebody else, it has begun to read this request.
    assert_eq!(server.send(PUT, b"").await.0, 401);
    server.stop.take().expect("it runs").send(()).expect("it listens for the signal");
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    stream.write_all(b"}").await.expect("it still reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.expect("it answers and closes");
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}
