//! The consumer of the guide (`docs/consumer`), killed again and again beside a writer that is killed too: in the end its table
//! is what the views show, and every event has counted once.
//!
//! Runs with `STACK=kafka`. `CONSUMER_WRITES` says how many writes there are, 1,000 by default.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    process::Command,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use e2e::{
    Caller, Process, Shop, data_folder, python,
    samples::{named, without},
    stack::{Kind, Topics},
};
use reqwest::Method;
use rustix::process::Signal;
use serde_json::{Value, json};
use tokio::{sync::watch, task::JoinHandle, time::sleep};

/// Clients at once, each with segments of its own.
const CLIENTS: usize = 4;
/// Segments of a client: few, so that they are deleted and created again.
const SEGMENTS: u64 = 60;
/// Entries of a bulk, each a write.
const BULK: usize = 10;
/// How long the consumer lives until it is killed, in milliseconds; it needs some 400 to begin.
const LIVES: [u64; 5] = [700, 1500, 450, 1000, 600];
/// Records of a transaction: few, so that it is killed between any two steps.
const BATCH: &str = "20";

#[expect(clippy::disallowed_methods, reason = "a switch for whoever runs the tests, not configuration")]
fn writes() -> usize {
    std::env::var("CONSUMER_WRITES").map_or(1000, |text| text.parse().expect("CONSUMER_WRITES is a number"))
}

/// Numbers that look random and are the same in every run (SplitMix64).
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (mixed ^ (mixed >> 31)) % bound
    }
}

/// A client that does not give up: under its idempotency key a request is sent until somebody has executed it.
struct Client {
    number: usize,
    dice: Dice,
    origin: watch::Receiver<String>,
    http: reqwest::Client,
    authorization: String,
    tenant: String,
    done: Arc<AtomicUsize>,
}

impl Client {
    async fn run(mut self, writes: usize) {
        while self.done.load(Ordering::Relaxed) < writes {
            let (method, path, body, count) = self.roll();
            let status = self.send(&method, &path, body.as_ref()).await;
            assert!([201, 204, 207, 400, 404, 409].contains(&status), "{method} {path}: {status}");
            self.done.fetch_add(count, Ordering::Relaxed);
        }
    }

    /// The next write, and as how many it counts.
    fn roll(&mut self) -> (Method, String, Option<Value>, usize) {
        let (client, stamp) = (self.number, self.dice.below(1_000_000));
        let id = |dice: &mut Dice| format!("c{client}-{}", dice.below(SEGMENTS));
        let segment = id(&mut self.dice);
        let body = || without(named(&format!("größe {stamp}")), "id");
        let name = json!([{ "op": "add", "path": "/name/de", "value": format!("Stempel {stamp}") }]);
        match self.dice.below(12) {
            0..=2 => (Method::PUT, format!("/{segment}"), Some(body()), 1),
            3 => (Method::POST, String::new(), Some(named(&segment)), 1),
            4 | 5 => (Method::PATCH, format!("/{segment}"), Some(name), 1),
            6 => (Method::DELETE, format!("/{segment}?forceDelete=true"), None, 1),
            7 => (Method::PUT, format!("/{segment}/items/PRODUCT/p{}", stamp % 9), None, 1),
            8 => (Method::DELETE, format!("/{segment}/items/PRODUCT/p{}", stamp % 9), None, 1),
            9 => (Method::PUT, format!("/{segment}/customers/k{}", stamp % 9), None, 1),
            10 => {
                let entries = (0..BULK).map(|_| named(&id(&mut self.dice))).collect();
                (Method::PUT, "/bulk".to_owned(), Some(Value::Array(entries)), BULK)
            }
            _ => {
                let entries = (0..BULK / 3).map(|_| id(&mut self.dice).into()).collect();
                (Method::DELETE, "/bulk?forceDelete=true".to_owned(), Some(Value::Array(entries)), BULK / 3)
            }
        }
    }

    async fn send(&self, method: &Method, path: &str, body: Option<&Value>) -> u16 {
        let key = uuid::Uuid::now_v7().to_string();
        loop {
            let url = format!("{}/customer-segment/{}/segments{path}", self.origin.borrow().clone(), self.tenant);
            let mut request = self.http.request(method.clone(), url).timeout(Duration::from_secs(8));
            request = request.header("Authorization", &self.authorization).header("Idempotency-Key", &key);
            if let Some(body) = body {
                request = request.json(body);
            }
            match request.send().await {
                Ok(answer) if !answer.status().is_server_error() => {
                    let status = answer.status().as_u16();
                    // Some entries of a bulk may have met the end of the writer; under the key only they are done now.
                    let codes: Vec<Value> = answer.json().await.unwrap_or_default();
                    let again = |entry: &Value| entry["code"].as_u64().is_some_and(|code| code >= 500);
                    if !codes.iter().any(again) {
                        return status;
                    }
                }
                _ => sleep(Duration::from_millis(100)).await,
            }
        }
    }
}

/// The consumer of the guide.
struct Consumer {
    python: PathBuf,
    topics: Topics,
    database: PathBuf,
}

impl Consumer {
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.python);
        command.arg(folder().join("segments_table.py")).arg("--database").arg(&self.database).args(arguments);
        command.args(["--brokers", &self.topics.brokers, "--topic", &self.topics.events]);
        command
    }

    /// Starts it and kills it, until there is nothing to disturb any more. Gives how often.
    async fn be_killed_until(&self, done: &AtomicUsize, writes: usize) -> usize {
        let mut kills = 0;
        while done.load(Ordering::Relaxed) < writes {
            let process = Process::start("segments-table", self.command(&["--batch", BATCH]), &[]);
            sleep(Duration::from_millis(LIVES[kills % LIVES.len()])).await;
            process.signal(Signal::KILL);
            kills += 1;
        }
        kills
    }

    /// The table by id: version, changes, document.
    fn table(&self) -> BTreeMap<String, Value> {
        let lines = python::output_of(&mut self.command(&["--list"]));
        let rows = lines.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line is JSON"));
        rows.map(|row| (row["id"].as_str().expect("an id").to_owned(), row)).collect()
    }
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/consumer")
}

/// Plants records that nobody may count.
fn plant_strays(python: &Path, topics: &Topics) -> usize {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("consumers/plant_strays.py");
    let mut command = Command::new(python);
    command.arg(script).args(["--brokers", &topics.brokers, "--topic", &topics.events]);
    python::output_of(&mut command).trim().parse().expect("it prints a number")
}

/// Waits until so many writes are done.
async fn reached(done: &AtomicUsize, writes: usize) {
    while done.load(Ordering::Relaxed) < writes {
        sleep(Duration::from_millis(20)).await;
    }
}

/// Everything that the API lists, by id.
async fn view(shop: &Shop) -> BTreeMap<String, Value> {
    let rows = shop.get("?pageSize=2000").await.expect(200).rows();
    assert!(rows.len() < 2000, "one page holds them all");
    rows.into_iter().map(|row| (row["id"].as_str().expect("an id").to_owned(), row)).collect()
}

/// Starts the clients; each ends when enough is written.
fn start_clients(
    tenant: &str,
    origin: &watch::Receiver<String>,
    done: &Arc<AtomicUsize>,
    writes: usize,
) -> Vec<JoinHandle<()>> {
    let client = |number| Client {
        number,
        dice: Dice(number as u64),
        origin: origin.clone(),
        http: reqwest::Client::builder().no_proxy().build().expect("a client"),
        authorization: Caller::All.authorization(tenant).expect("a token"),
        tenant: tenant.to_owned(),
        done: Arc::clone(done),
    };
    (0..CLIENTS).map(client).map(|client| tokio::spawn(client.run(writes))).collect()
}

/// The same segments, versions and documents; and every event has counted once.
#[track_caller]
fn assert_same(table: &BTreeMap<String, Value>, view: &BTreeMap<String, Value>) {
    assert_eq!(table.keys().collect::<Vec<_>>(), view.keys().collect::<Vec<_>>());
    for (id, row) in table {
        assert_eq!((&row["document"], &row["version"]), (&view[id], &view[id]["metadata"]["version"]), "{id}");
        assert_eq!(row["changes"], row["version"], "every event of {id} has counted once");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_consumer_that_is_killed_again_and_again_ends_with_the_table_that_the_views_show() {
    if Kind::of_this_run() != Kind::Kafka {
        return;
    }
    // Given a consumer, clients, and a writer
    let (topics, total) = (Topics::create().await.expect("this stack has a Kafka"), writes());
    let python = python::with(&folder().join("requirements.txt"));
    let data = data_folder();
    let consumer = Consumer { python: python.clone(), topics: topics.clone(), database: data.join("segments.sqlite") };
    let (_queries, query_origin) = topics.query_service("query-service-consumer").await;
    let shop = Shop::at(&query_origin);
    let (mut writer, command_origin) = topics.command_service("command-service-consumer-0").await;
    let (tell, origin) = watch::channel(command_origin);
    let done = Arc::new(AtomicUsize::new(0));
    let clients = start_clients(&shop.tenant, &origin, &done, total);

    // When all of them are disturbed while they work: the writer is killed, overtaken records turn up, it is stopped
    let disturb = async {
        reached(&done, total / 4).await;
        writer.signal(Signal::KILL);
        let (next, next_origin) = topics.command_service("command-service-consumer-1").await;
        writer = next;
        tell.send_replace(next_origin);
        reached(&done, total / 2).await;
        let planted = plant_strays(&python, &topics);
        reached(&done, 3 * total / 4).await;
        drop(writer);
        let (next, next_origin) = topics.command_service("command-service-consumer-2").await;
        tell.send_replace(next_origin);
        (next, planted)
    };
    let ((last_writer, planted), kills) = tokio::join!(disturb, consumer.be_killed_until(&done, total));
    for client in clients {
        client.await.expect("no client has met what it did not expect");
    }
    // The position of a write that changes nothing is behind all that was written in its partition.
    let last = Shop::of(&shop.tenant, &tell.borrow());
    for number in 0..CLIENTS as u64 * SEGMENTS {
        last.delete(&format!("/nobody-{number}")).await.empty(204);
    }
    drop(last_writer);

    // Then, once it has read the rest, its table is the view
    let told = python::output_of(&mut consumer.command(&["--until-end"]));
    assert_eq!(told, "", "nothing but a summary, on standard error");
    let seen = last.seen().expect("it has written");
    shop.get("").of_any_age().header("X-Consistency-Token", &seen).header("Prefer", "wait=10").await.expect(200);
    let (table, view) = (consumer.table(), view(&shop).await);
    assert_same(&table, &view);
    assert!(planted >= 6 && kills >= 3 && !table.is_empty(), "{planted} strays, {kills} kills, {} rows", table.len());
    println!(
        "{} writes, {kills} kills of the consumer, {planted} strays, {} rows",
        done.load(Ordering::Relaxed),
        table.len()
    );
}
