//! The change feed while the service is started anew, again and again: read by curl and by an `EventSource` in a real browser, it
//! loses and repeats nothing. And readers that are slow, or stay too long.

use std::{
    collections::BTreeMap,
    process::Stdio,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use e2e::{
    Caller, Process, Relay, Shop, Signer, browser,
    samples::{named, with},
    stack::{Kind, SegmentsUp, Topics, UpOptions},
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::TcpStream,
    process::Command,
    sync::watch,
    time::sleep,
};

const SEGMENTS: usize = 8;
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// A service of one test that is started anew. Where there is a Kafka both sides are apart, since two of `segments up` would share
/// its topics; then it is the one that reads, each time on a database of its own.
enum Service {
    Whole { options: UpOptions, up: Option<SegmentsUp> },
    Apart { topics: Topics, name: &'static str, writes: (Process, String), reads: Option<(Process, String)> },
}

impl Service {
    async fn start(name: &'static str) -> Self {
        if Kind::of_this_run() != Kind::Embedded {
            let topics = Topics::create().await.expect("this stack has a Kafka");
            let writes = topics.command_service(&format!("{name}-writes")).await;
            let reads = Some(topics.query_service(name).await);
            return Self::Apart { topics, name, writes, reads };
        }
        let options = UpOptions::plain(name).await.with_tokens_of_tests();
        let up = Some(SegmentsUp::start(&options, &[]).await);
        Self::Whole { options, up }
    }

    /// Where events are read.
    fn reads(&self) -> &str {
        match self {
            Self::Whole { up, .. } => &up.as_ref().expect("it runs").origin,
            Self::Apart { reads, .. } => &reads.as_ref().expect("it runs").1,
        }
    }

    /// Where segments are written.
    fn writes(&self) -> &str {
        match self {
            Self::Whole { .. } => self.reads(),
            Self::Apart { writes, .. } => &writes.1,
        }
    }

    /// Ends it so, and starts it anew, elsewhere.
    async fn start_anew(&mut self, signal: Signal) {
        match self {
            Self::Whole { options, up } => {
                up.take().expect("it runs").signal(signal);
                *up = Some(SegmentsUp::start(options, &[]).await);
            }
            Self::Apart { topics, name, reads, .. } => {
                reads.take().expect("it runs").0.signal(signal);
                *reads = Some(topics.query_service(name).await);
            }
        }
    }
}

impl Drop for Service {
    fn drop(&mut self) {
        if let Self::Whole { options, up } = self {
            up.take();
            // It lies among the temporary files, should it stay.
            drop(std::fs::remove_dir_all(options.data()));
        }
    }
}

/// How many events each segment has had.
#[derive(Debug, Clone, Default, PartialEq)]
struct Story {
    tenant: String,
    events: BTreeMap<String, u64>,
}

impl Story {
    /// Some writes of each segment: more events, which nobody waits to be told of.
    async fn go_on(&mut self, origin: &str) {
        let shop = Shop::of(&self.tenant, origin);
        for id in (0..SEGMENTS).map(|number| format!("g{number}")) {
            if !self.events.contains_key(&id) {
                shop.create(named(&id)).await;
                self.events.insert(id.clone(), 1);
            }
            let count = self.events.get_mut(&id).expect("it is there");
            let name = json!([{ "op": "add", "path": "/name/de", "value": format!("Größe {count}") }]);
            shop.patch(&format!("/{id}"), &name).await.empty(204);
            shop.assign(&id, "PRODUCT", &format!("p{count}")).await;
            *count += 2;
        }
    }

    fn count(&self) -> usize {
        usize::try_from(self.events.values().sum::<u64>()).expect("few")
    }

    /// Whether these are all its events, each once, those of a segment in order.
    fn check(&self, read: &[Value]) {
        let mut numbers = BTreeMap::<&str, Vec<u64>>::new();
        for event in read {
            assert_eq!((&event["tenant"], &event["specversion"]), (&json!(self.tenant), &json!("1.0")), "{event}");
            let number = event["sequence"].as_str().and_then(|number| number.parse().ok()).expect("a number");
            numbers.entry(event["subject"].as_str().expect("a segment")).or_default().push(number);
        }
        for (id, count) in &self.events {
            let expected: Vec<u64> = (1..=*count).collect();
            assert_eq!(numbers.remove(&**id).unwrap_or_default(), expected, "{id}");
        }
        assert!(numbers.is_empty(), "nobody wrote {numbers:?}");
    }
}

/// Events and comments that were read.
#[derive(Debug, Clone, Default)]
struct Read(Arc<Mutex<(Vec<Value>, Vec<String>)>>);

impl Read {
    fn events(&self) -> Vec<Value> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).0.clone()
    }

    fn comments(&self) -> Vec<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).1.clone()
    }

    /// What a line says to a reader of Server-Sent Events; `pending` is the message that it belongs to, id and data.
    fn take(&self, line: &str, pending: &mut (String, String), last_id: &mut String) {
        let mut read = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match line.split_once(": ").unwrap_or((line, "")) {
            ("id", id) => id.clone_into(&mut pending.0),
            ("data", data) => data.clone_into(&mut pending.1),
            ("", comment) if line.starts_with(':') => read.1.push(comment.to_owned()),
            ("", _) => {
                pending.0.clone_into(last_id);
                if !pending.1.is_empty() {
                    read.0.push(serde_json::from_str(&pending.1).expect("JSON"));
                    pending.1.clear();
                }
            }
            _ => {}
        }
    }
}

/// curl, started again with the last id whenever its connection has ended.
async fn curl(tenant: String, origin: watch::Receiver<String>, read: Read) {
    let authorization = Caller::Manager.authorization(&tenant).expect("a token");
    let mut last_id = String::new();
    loop {
        let url = format!("{}/customer-segment/{tenant}/events?from=beginning", origin.borrow().clone());
        let mut command = Command::new("curl");
        command.args([
            "--silent",
            "--no-buffer",
            "--fail",
            "--noproxy",
            "*",
            "-H",
            &format!("Authorization: {authorization}"),
        ]);
        if !last_id.is_empty() {
            command.args(["-H", &format!("Last-Event-ID: {last_id}")]);
        }
        let mut child = command.arg(url).stdout(Stdio::piped()).kill_on_drop(true).spawn().expect("curl starts");
        let mut lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        // What broke off within a message is sent again.
        let mut pending = (last_id.clone(), String::new());
        while let Ok(Some(line)) = lines.next_line().await {
            read.take(&line, &mut pending, &mut last_id);
        }
        sleep(LOOK_EVERY).await;
    }
}

/// Writes, and starts the service anew meanwhile, once gently and once not.
async fn live(service: &mut Service, story: &mut Story, moved: impl Fn(&str), all: impl AsyncFn(usize)) {
    story.go_on(service.writes()).await;
    all(story.count()).await;
    for signal in [Signal::TERM, Signal::KILL] {
        story.go_on(service.writes()).await;
        service.start_anew(signal).await;
        moved(service.reads());
        story.go_on(service.writes()).await;
    }
    all(story.count()).await;
}

#[tokio::test]
async fn curl_loses_and_repeats_nothing_over_new_starts() {
    let mut service = Service::start("feed-curl").await;
    let shop = Shop::at(service.reads());
    let mut story = Story { tenant: shop.tenant.clone(), ..Story::default() };
    let (origin, read) = (watch::Sender::new(service.reads().to_owned()), Read::default());
    let reading = tokio::spawn(curl(shop.tenant.clone(), origin.subscribe(), read.clone()));
    let all = async |count| shop.eventually("all events", async || read.events().len() >= count).await;
    live(&mut service, &mut story, |moved| drop(origin.send_replace(moved.to_owned())), all).await;
    story.check(&read.events());
    assert!(read.comments().iter().any(|comment| comment == "the service stops"), "{:?}", read.comments());
    reading.abort();
}

#[tokio::test]
async fn an_event_source_in_a_browser_loses_and_repeats_nothing_over_new_starts() {
    let Some(mut command) = browser::command() else { return };
    let mut service = Service::start("feed-browser").await;
    let shop = Shop::at(service.reads());
    let mut story = Story { tenant: shop.tenant.clone(), ..Story::default() };
    let token = Caller::Manager.authorization(&shop.tenant).expect("a token");
    let events =
        format!("/customer-segment/{}/events?from=beginning&access_token={}", shop.tenant, &token["Bearer ".len()..]);
    let page = format!(
        "<!doctype html><script>
         let told = Promise.resolve();
         const source = new EventSource({events:?});
         source.onmessage = message => {{
             const body = message.data;
             told = told.then(() => fetch('/told', {{ method: 'POST', body }}));
         }};
         </script>"
    );
    let relay = Relay::start(page, service.reads()).await;
    let profile = e2e::data_folder();
    command.args(["--remote-debugging-port=0", &format!("--user-data-dir={}", profile.display())]);
    command.arg(format!("{}/page", relay.origin));
    let _browser = Process::start("browser", command, &[&profile]);

    let all = async |count| shop.eventually("all events", async || relay.told().len() >= count).await;
    live(&mut service, &mut story, |moved| relay.lead_to(moved), all).await;
    let read: Vec<Value> = relay.told().iter().map(|told| serde_json::from_str(told).expect("JSON")).collect();
    story.check(&read);
}

#[tokio::test]
async fn the_log_is_read_no_faster_for_a_reader_than_the_reader_takes_it() {
    const MANY: usize = 40;
    let service = Service::start("feed-slow").await;
    let shop = Shop::at(service.writes());
    for number in 0..MANY {
        let large = json!({ "mixins": { "m": { "text": "x".repeat(900_000) } } });
        shop.create(with(named(&format!("g{number}")), large)).await;
    }
    let token = Caller::Manager.authorization(&shop.tenant).expect("a token");
    let address = service.reads().trim_start_matches("http://").to_owned();
    let ask = format!(
        "GET /customer-segment/{}/events?from=beginning HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\n\r\n",
        shop.tenant
    );
    let open = async || {
        let mut stream = TcpStream::connect(&address).await.expect("it listens");
        stream.write_all(ask.as_bytes()).await.expect("it reads");
        stream
    };
    let mut slow = open().await;
    // Its first bytes are there, and more is not taken.
    slow.peek(&mut [0]).await.expect("an answer");
    let mut fast = open().await;
    read_events(&mut fast, MANY).await;
    let reads = Shop::of(&shop.tenant, service.reads());
    let metrics = reads.ask_at(reqwest::Method::GET, "/metrics").by(Caller::Nobody).await.expect(200).text;
    let sent = metrics.lines().find_map(|line| line.strip_prefix("event_stream_events_total ")).expect("a metric");
    let sent: usize = sent.parse().expect("a number");
    assert!(
        (MANY..2 * MANY).contains(&sent),
        "{sent} events were taken from the log; one reader took {MANY}, one none"
    );
    read_events(&mut slow, MANY).await;
}

/// Reads so many events from a connection.
async fn read_events(stream: &mut TcpStream, count: usize) {
    const MARK: &[u8] = b"\ndata: ";
    let (mut found, mut held) = (0, Vec::new());
    while found < count {
        let read = tokio::time::timeout(Duration::from_secs(60), stream.read_buf(&mut held)).await;
        assert_ne!(read.expect("something comes").expect("it can be read"), 0, "{found} of {count} events came");
        found += held.windows(MARK.len()).filter(|window| *window == MARK).count();
        // A mark may lie across two pieces.
        held.drain(..held.len().saturating_sub(MARK.len() - 1));
    }
}

#[tokio::test]
async fn a_stream_ends_with_its_token() {
    let shop = Shop::open().await;
    // Clocks may differ by a minute, so it is accepted for some seconds yet.
    let claims = json!({ "sub": "e2e", "azp": "e2e", "tenant": shop.tenant, "exp": e2e::now() - 52,
        "scope": "customersegment.segment_manage" });
    let token = Signer::trusted().mint(&claims);
    let path = format!("/customer-segment/{}/events?access_token={token}", shop.tenant);
    // It is read to its end.
    let answer = shop.ask_at(reqwest::Method::GET, &path).by(Caller::Nobody).await.expect(200);
    assert!(answer.text.ends_with(": the token has expired\n\n"), "{}", answer.text);
    assert_eq!(answer.header("cache-control"), Some("no-store"));
    shop.ask_at(reqwest::Method::GET, &path.replace("/events", "/segments")).by(Caller::Nobody).await.expect(401);
}
