//! Views are rebuilt, compared, switched and dropped while clients write and read: no request fails, no read that names a write
//! misses it, and whoever rebuilds may be killed at any time.

use std::{
    io::{BufRead as _, BufReader},
    process::{Child, Command, ExitStatus, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicUsize, Ordering},
    },
    time::Duration,
};

use e2e::{
    Shop,
    samples::{golden_without_id, named, with},
    stack::{self, Kind, SegmentsUp, Topics, UpOptions},
};
use local_parts::testing;
use reqwest::Url;
use serde_json::{Value, json};
use tokio::{
    net::{TcpListener, TcpStream},
    task::{JoinHandle, spawn_blocking},
};

/// Clients at once.
const CLIENTS: usize = 16;
/// Of each client after a round, so that the log grows more slowly than it is read.
const PAUSE: Duration = Duration::from_millis(100);
/// What is there before, so that every step takes a while.
const SEGMENTS: usize = 2_000;
/// When the rebuild is killed: as soon as it says that it begins with this.
const KILLED_AT: [&str; 6] = ["building", "loading", "indexing", "following", "verifying", "switching"];

/// A client with segments of its own, which reads what it has just written.
struct Client {
    writes: Shop,
    /// Perhaps at another service.
    reads: Shop,
    rounds: Arc<AtomicUsize>,
}

impl Client {
    async fn run(self, number: usize, is_over: Arc<AtomicBool>) {
        let ids = [format!("c{number}-a"), format!("c{number}-b")];
        for round in 0.. {
            let id = &ids[round % 2];
            self.round(id, round).await;
            self.rounds.fetch_add(1, Ordering::Relaxed);
            if is_over.load(Ordering::Relaxed) {
                return;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    async fn round(&self, id: &str, round: usize) {
        let name = format!("n{round}");
        let more = json!({ "name": { "en": name }, "status": "ACTIVE", "mixins": { "m": { "round": round } } });
        let put = self.writes.put(&format!("/{id}"), &with(golden_without_id(), more)).await;
        assert!([201, 204].contains(&put.status), "{put:?}");
        assert_eq!(self.read(&format!("/{id}")).await["name"]["en"], name.as_str());
        self.writes
            .put(&format!("/{id}/items/PRODUCT/bulk"), &json!([{ "id": format!("p{round}") }]))
            .await
            .expect(207);
        let match_ = json!({ "items": [{ "id": format!("p{round}") }], "segmentIds": [id], "site": "main" });
        let matched = self.fresh(self.reads.post("/match", &match_)).await.expect(200).json();
        assert_eq!(matched.as_array().map(Vec::len), Some(1), "{matched}");
        let patch = json!([{ "op": "add", "path": "/name/de", "value": name }]);
        self.writes.patch(&format!("/{id}"), &patch).await.empty(204);
        let search = json!({ "q": format!("id:{id} name.de:{name}") });
        let found = self.fresh(self.reads.post("/search", &search)).await.expect(200).ids();
        assert_eq!(found, [id]);
        let items = self.read(&format!("/{id}/items")).await;
        assert!(items.as_array().is_some_and(|items| !items.is_empty()), "{items}");
        if round % 5 == 4 {
            self.writes.delete(&format!("/{id}?forceDelete=true")).await.empty(204);
            self.fresh(self.reads.get(&format!("/{id}"))).await.expect(404);
            let history = self.read(&format!("/{id}/history")).await;
            assert!(history.to_string().contains("segment-deleted"), "{history}");
        }
    }

    async fn read(&self, path: &str) -> Value {
        self.fresh(self.reads.get(path)).await.expect(200).json()
    }

    /// Sees everything that this client has written.
    fn fresh<'s>(&self, request: e2e::Request<'s>) -> e2e::Request<'s> {
        let seen = self.writes.seen().expect("something is written");
        request.header("X-Consistency-Token", &seen).header("Prefer", "wait=10")
    }
}

/// All clients, until they are told to end.
struct Load {
    clients: Vec<JoinHandle<()>>,
    is_over: Arc<AtomicBool>,
    rounds: Arc<AtomicUsize>,
}

impl Load {
    /// One after the other, so that the service need not open all of its connections at once.
    async fn start(shop: &Shop, writes: &str, reads: &[&str]) -> Self {
        let (is_over, rounds) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
        let mut clients = Vec::new();
        for number in 0..CLIENTS {
            let reads = Shop::of(&shop.tenant, reads[number % reads.len()]);
            let client = Client { writes: Shop::of(&shop.tenant, writes), reads, rounds: rounds.clone() };
            clients.push(tokio::spawn(client.run(number, is_over.clone())));
            shop.eventually("it is served", async || rounds.load(Ordering::Relaxed) > number).await;
        }
        Self { clients, is_over, rounds }
    }

    /// Every client has had all of its answers.
    async fn finish(self) -> usize {
        self.is_over.store(true, Ordering::Relaxed);
        for client in self.clients {
            client.await.expect("no request failed");
        }
        self.rounds.load(Ordering::Relaxed)
    }
}

/// `segments views` on the views of a test.
#[derive(Clone)]
struct Views {
    place: Vec<String>,
    database_url: String,
}

/// Ends with the test, whatever becomes of it.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

impl Views {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(stack::binary("segments"));
        command.arg("views").args(arguments).args(&self.place).args(["--database-url", &self.database_url]);
        command
    }

    /// To its end: how it ended, and what it printed.
    async fn run(&self, arguments: &[&str]) -> (ExitStatus, String) {
        let mut command = self.command(arguments);
        let output = spawn_blocking(move || command.output()).await.expect("it ends").expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status, text)
    }

    async fn done(&self, arguments: &[&str]) -> String {
        let (status, text) = self.run(arguments).await;
        assert!(status.success(), "{arguments:?}: {status}: {text}");
        text
    }

    /// Killed as soon as it begins with a step; whether it came to that.
    async fn rebuild_until(&self, step: &'static str) -> bool {
        let child = self.command(&["rebuild"]).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut running = Running(child);
        spawn_blocking(move || {
            let lines = BufReader::new(running.0.stdout.take().expect("a pipe")).lines();
            let came = lines.map_while(Result::ok).any(|line| line.starts_with(step));
            running.0.kill().expect("killed");
            came
        })
        .await
        .expect("it is killed")
    }

    /// The versions, with what becomes of each.
    async fn versions(&self) -> Vec<(String, String)> {
        let told: Value = serde_json::from_str(&self.done(&["status", "--output", "json"]).await).expect("JSON");
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let versions = told.as_array().expect("versions").iter();
        versions.map(|version| (text(&version["version"]), text(&version["state"]))).collect()
    }

    async fn checksum(&self, version: &str) -> String {
        let mut command = Command::new(stack::binary("views-checksum"));
        command.args(["--database-url", &self.database_url, "--version-of-views", version]);
        let output = spawn_blocking(move || command.output()).await.expect("it ends").expect("it starts");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("text")
    }
}

async fn fill(shop: &Shop) {
    let segments: Vec<Value> = (0..SEGMENTS).map(|number| named(&format!("s{number}"))).collect();
    shop.create_all(&segments).await;
    let items: Value = (0..200).map(|number| json!({ "id": format!("p{number}") })).collect();
    for segment in 0..10 {
        shop.put(&format!("/s{segment}/items/PRODUCT/bulk"), &items).await.expect(207);
        shop.join(&format!("s{segment}"), "c1/le1").await;
    }
    shop.know("product", &json!([{ "id": "p1", "name": { "en": "Bag", "de": "Tasche" } }])).await;
    shop.know("category", &json!([{ "id": "k1", "parentId": "k0" }])).await;
    shop.delete("/s0?forceDelete=true").await.empty(204);
}

/// Everything that is promised of a rebuild, with services that write and read at these addresses.
async fn rebuild_under_load(views: &Views, writes: &str, reads: &[&str]) {
    let shop = Shop::at(writes);
    fill(&shop).await;
    let load = Load::start(&shop, writes, reads).await;
    for step in KILLED_AT {
        assert!(views.rebuild_until(step).await, "it came to {step}");
    }
    views.done(&["rebuild"]).await;
    let versions = views.versions().await;
    let [.., (before, previous), (now, active)] = &versions[..] else { panic!("{versions:?}") };
    assert_eq!((&**previous, &**active), ("previous", "active"), "{versions:?}");
    assert!(views.done(&["verify"]).await.starts_with(&format!("{now} is what the logs say")));
    assert!(views.done(&["verify", "--views", before]).await.starts_with(&format!("{before} is what")));
    views.done(&["rollback"]).await;
    assert!(views.versions().await.contains(&(before.clone(), "active".to_owned())));
    views.done(&["rollback"]).await;
    assert!(load.finish().await >= CLIENTS * KILLED_AT.len(), "every client was served all the time");

    let equal = async || views.checksum(before).await == views.checksum(now).await;
    shop.eventually("both versions show everything", equal).await;
    views.done(&["drop"]).await;
    assert_eq!(views.versions().await, [(now.clone(), "active".to_owned())]);
    assert_eq!(Shop::of(&shop.tenant, reads[0]).find("id:s1").await, ["s1"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn views_are_rebuilt_under_load_and_whoever_does_it_may_be_killed() {
    if Kind::of_this_run() != Kind::Embedded {
        return;
    }
    let options = UpOptions::plain("up-views").await.with_tokens_of_tests();
    let up = SegmentsUp::start(&options, &[options.data()]).await;
    let place = vec!["--data-dir".to_owned(), options.data().display().to_string()];
    let views = Views { place, database_url: options.database_url().to_owned() };
    rebuild_under_load(&views, &up.origin, &[&up.origin]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_query_services_on_kafka_change_over_together() {
    if Kind::of_this_run() != Kind::Kafka {
        return;
    }
    let topics = Topics::create().await.expect("STACK=kafka needs a Kafka");
    let database = testing::database().await;
    let (_commands, writes) = topics.command_service("views-command").await;
    let (_first, first) = topics.query_service_on("views-query-1", database.url(), &[]).await;
    let (_second, second) = topics.query_service_on("views-query-2", database.url(), &[]).await;
    let mut place = vec!["--kafka".to_owned(), topics.brokers.clone()];
    place.extend(topics.arguments());
    let views = Views { place, database_url: database.url().to_owned() };
    rebuild_under_load(&views, &writes, &[&first, &second]).await;
}

/// An address at which the database answers, but takes so long to let anybody in.
async fn slowly(database_url: &str, pause: Duration) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("there are ports");
    let mut url = Url::parse(database_url).expect("a URL");
    // That of a test run also has a socket, which its URL names; it listens here, too.
    let host = url.host_str().filter(|host| !host.starts_with("%2F")).unwrap_or("127.0.0.1").to_owned();
    let database = (host, url.port().expect("a port"));
    url.set_host(Some("127.0.0.1")).expect("it may have a host");
    url.set_port(Some(listener.local_addr().expect("it is bound").port())).expect("it may have a port");
    tokio::spawn(async move {
        while let Ok((mut client, _)) = listener.accept().await {
            let database = database.clone();
            tokio::spawn(async move {
                tokio::time::sleep(pause).await;
                let mut database = TcpStream::connect(database).await?;
                tokio::io::copy_bidirectional(&mut client, &mut database).await
            });
        }
    });
    url.into()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_waits_longer_for_a_busy_database_than_a_read_does() {
    if Kind::of_this_run() != Kind::Embedded {
        return;
    }
    let options = UpOptions::plain("up-busy").await.with_tokens_of_tests();
    let _up = SegmentsUp::start(&options, &[options.data()]).await;
    let place = vec!["--data-dir".to_owned(), options.data().display().to_string()];
    let database_url = slowly(options.database_url(), Duration::from_secs(3)).await;
    let views = Views { place, database_url };
    assert_eq!(views.versions().await, [("v1".to_owned(), "active".to_owned())]);
}
