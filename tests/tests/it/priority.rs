//! Who goes first where everything shares one machine.

use std::{collections::BTreeMap, fs};

use e2e::{
    Shop,
    stack::{Kind, SegmentsUp, UpOptions},
};
use local_parts::Postgres;
use serde_json::{Value, json};
use sqlx::PgPool;

/// How far a process of PostgreSQL gives way to others, as the system tells.
#[derive(Debug, PartialEq, Eq)]
struct GivesWay {
    nice: i32,
    /// The line of the session that it is; empty on a system that does not divide processors between sessions.
    session: String,
}

impl GivesWay {
    /// None if it has ended.
    fn of(process: i32) -> Option<Self> {
        let nice = numbers(&format!("/proc/{process}"))?[NICE];
        let session = fs::read_to_string(format!("/proc/{process}/autogroup")).unwrap_or_default();
        let session = session.split_once(' ').map_or_else(String::new, |(_, nice)| nice.trim().to_owned());
        Some(Self { nice: nice.try_into().expect("a niceness"), session })
    }
}

/// Places in the statistics of a process or thread, counted from its state on (`proc_pid_stat(5)`).
const USER_TIME: usize = 11;
const SYSTEM_TIME: usize = 12;
const NICE: usize = 16;

/// The statistics of a process or thread, unless it has ended; the state, which is a letter, is 0.
fn numbers(folder: &str) -> Option<Vec<i64>> {
    let statistics = fs::read_to_string(format!("{folder}/stat")).ok()?;
    // The second field is a name in brackets, which may hold spaces.
    let (_, fields) = statistics.rsplit_once(')').expect("a name");
    Some(fields.split_whitespace().map(|field| field.parse().unwrap_or_default()).collect())
}

/// What the threads of a process have had of the processors, in the ticks of the system, by name and niceness.
fn work(process: u32) -> BTreeMap<(String, i64), i64> {
    let mut work = BTreeMap::new();
    for thread in fs::read_dir(format!("/proc/{process}/task")).expect("the process lives").flatten() {
        let folder = thread.path().display().to_string();
        // One that had nothing to do for long may end at any moment.
        let (Ok(name), Some(numbers)) = (fs::read_to_string(format!("{folder}/comm")), numbers(&folder)) else {
            continue;
        };
        *work.entry((name.trim().to_owned(), numbers[NICE])).or_default() += numbers[USER_TIME] + numbers[SYSTEM_TIME];
    }
    work
}

#[tokio::test(flavor = "multi_thread")]
async fn threads_that_make_views_and_sessions_with_a_database_of_its_own_give_way_a_little() {
    if Kind::of_this_run() != Kind::Embedded {
        return;
    }
    let options = UpOptions::alone("up-alone").with_tokens_of_tests();
    let up = SegmentsUp::start(&options, &[options.data()]).await;
    let shop = Shop::at(&up.origin);

    let url = Postgres::url_of_running(&options.data().join("local/postgres")).expect("a server runs");
    let database = PgPool::connect(&url).await.expect("it answers");
    let give_way = async |sessions: &str| -> Vec<GivesWay> {
        let query = "select pid from pg_stat_activity where datname = current_database() and application_name ~ $1";
        let processes = sqlx::query_scalar(query).bind(sessions).fetch_all(&database).await.expect("sessions");
        processes.into_iter().filter_map(GivesWay::of).collect()
    };
    let is_divided = fs::exists("/proc/self/autogroup").expect("a system with /proc");
    let a_little = GivesWay { nice: 5, session: if is_divided { "nice 5".to_owned() } else { String::new() } };
    let all_do = async || {
        let (partitions, reads) = (give_way("^projector [0-9]+$").await, give_way("^query-service$").await);
        partitions.len() == 6 && !reads.is_empty() && partitions.iter().chain(&reads).all(|one| *one == a_little)
    };
    shop.eventually("all give way", all_do).await;

    let segment = |number| json!({ "id": format!("s{number}"), "name": { "en": "One of many" }, "siteCode": "main", "status": "ACTIVE" });
    let segments: Vec<Value> = (0..2_000).map(segment).collect();
    shop.create_all(&segments).await;
    assert_eq!(shop.find("siteCode:main").await.len(), 60, "a page of what is projected");
    let work = work(up.process_id());
    // A run of the tests may itself give way.
    let of = |name: &str, least: i64| {
        work.iter().filter(|((of, nice), _)| of == name && least <= *nice).map(|(_, ticks)| ticks).sum::<i64>()
    };
    assert!(of("views", 5) > of("tokio-rt-worker", 0), "{work:?}");
}
