//! Who goes first where everything shares one machine.

use std::fs;

use e2e::{
    Shop,
    stack::{Kind, SegmentsUp, UpOptions},
};
use local_parts::Postgres;
use sqlx::PgPool;

/// How far a process of PostgreSQL gives way to others, as the system tells.
#[derive(Debug, PartialEq, Eq)]
struct GivesWay {
    nice: i32,
    /// The line of the session that it is; empty on a system that does not divide processors between sessions.
    session: String,
}

impl GivesWay {
    fn of(process: i32) -> Self {
        let stat = fs::read_to_string(format!("/proc/{process}/stat")).expect("the process lives");
        // The 19th field (proc_pid_stat(5)); the second is a name in brackets, which may hold spaces.
        let (_, fields) = stat.rsplit_once(')').expect("a name");
        let nice = fields.split_whitespace().nth(16).and_then(|nice| nice.parse().ok()).expect("a number");
        let session = fs::read_to_string(format!("/proc/{process}/autogroup")).unwrap_or_default();
        Self { nice, session: session.split_once(' ').map_or_else(String::new, |(_, nice)| nice.trim().to_owned()) }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_server_that_the_program_brings_every_session_gives_way_a_little() {
    if Kind::of_this_run() != Kind::Embedded {
        return;
    }
    let options = UpOptions::alone("up-alone");
    let up = SegmentsUp::start(&options, &[options.data()]).await;
    let url = Postgres::url_of_running(&options.data().join("local/postgres")).expect("a server runs");
    let database = PgPool::connect(&url).await.expect("it answers");
    let give_way = async |sessions: &str| -> Vec<GivesWay> {
        let query = "select pid from pg_stat_activity where datname = current_database() and application_name ~ $1";
        let processes = sqlx::query_scalar(query).bind(sessions).fetch_all(&database).await.expect("sessions");
        processes.into_iter().map(GivesWay::of).collect()
    };
    let is_divided = fs::exists("/proc/self/autogroup").expect("a system with /proc");
    let a_little = GivesWay { nice: 5, session: if is_divided { "nice 5".to_owned() } else { String::new() } };
    let all_do = async || {
        let (partitions, reads) = (give_way("^projector [0-9]+$").await, give_way("^query-service$").await);
        partitions.len() == 6 && !reads.is_empty() && partitions.iter().chain(&reads).all(|one| *one == a_little)
    };
    Shop::at(&up.origin).eventually("all give way", all_do).await;
}
