//! PostgreSQL alone.

use std::fs::{self, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt;

use local_parts::postgres::Error;
use local_parts::{Postgres, PostgresOptions};
use sqlx::{Connection, PgConnection};

use crate::support::{Scratch, ask, eventually, execute, listens, port};

#[tokio::test]
async fn a_private_17_answers_and_stops() {
    let scratch = Scratch::new();
    let postgres = Postgres::start(PostgresOptions::new(scratch.join("data"))).await.expect("a server");
    let url = postgres.url();
    assert_eq!(postgres.version(), 17);
    assert_eq!(ask(&url, "select current_setting('server_version_num')").await[..2], *"17");
    assert_eq!(ask(&url, "select current_database()::text").await, "segments");
    assert_eq!(ask(&url, "select current_setting('fsync')").await, "on");
    assert_eq!(ask(&url, "select current_setting('listen_addresses')").await, "127.0.0.1");
    assert_eq!(ask(&url, "select lower('ÄÖ')").await, "äö", "letters beyond ASCII have cases");
    assert_eq!(ask(&url, CLIENT).await, "a socket");
    assert_eq!(ask(&over_tcp(&url), CLIENT).await, "127.0.0.1");
    postgres.stop().await;
    assert!(!listens(&url));
}

const CLIENT: &str = "select coalesce(host(inet_client_addr()), 'a socket')";

fn over_tcp(url: &str) -> String {
    let (who, _) = url.split_once('@').expect("a user and a password");
    format!("{who}@127.0.0.1:{}/segments", port(url))
}

#[tokio::test]
async fn a_folder_whose_path_is_too_long_for_a_socket_has_tcp() {
    let scratch = Scratch::new();
    let options = PostgresOptions::new(scratch.join(&"long".repeat(25)));
    let postgres = Postgres::start(options).await.expect("a server");
    assert_eq!(ask(&postgres.url(), CLIENT).await, "127.0.0.1");
    postgres.stop().await;
}

#[tokio::test]
async fn the_password_is_needed_and_only_its_owner_can_read_it() {
    let scratch = Scratch::new();
    let postgres = Postgres::start(PostgresOptions::new(scratch.join("data"))).await.expect("a server");
    let password = fs::read_to_string(scratch.join("data/password")).expect("a password");
    let mode = fs::metadata(scratch.join("data/password")).expect("its mode").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let once = "select (rolpassword like 'SCRAM-SHA-256$1:%')::text from pg_authid where rolname = current_user";
    assert_eq!(ask(&postgres.url(), once).await, "true", "what is random is hashed once");
    let guessed = postgres.url().replace(&password, "guessed");
    let refused = PgConnection::connect(&guessed).await;
    assert!(refused.expect_err("refused").to_string().contains("password authentication failed"));
    postgres.stop().await;
}

#[tokio::test]
async fn data_outlives_a_stop() {
    let scratch = Scratch::new();
    let options = PostgresOptions::new(scratch.join("data"));
    let postgres = Postgres::start(options.clone()).await.expect("a server");
    execute(&postgres.url(), "create table kept as select 'once' as word").await;
    postgres.stop().await;
    let postgres = Postgres::start(options).await.expect("a server again");
    assert_eq!(ask(&postgres.url(), "select word from kept").await, "once");
    postgres.stop().await;
}

#[tokio::test]
async fn what_was_committed_outlives_a_kill_of_the_postmaster() {
    let scratch = Scratch::new();
    let mut postgres = Postgres::start(PostgresOptions::new(scratch.join("data"))).await.expect("a server");
    let (url, pid) = (postgres.url(), postgres.pid());
    execute(&url, "create table kept as select 'committed' as word").await;
    postgres.kill().await;
    assert!(!postgres.is_running());
    postgres.restart().await.expect("a server again");
    assert_ne!(postgres.pid(), pid);
    assert_eq!(postgres.url(), url, "the address stays");
    assert_eq!(ask(&url, "select word from kept").await, "committed");
    postgres.stop().await;
}

#[tokio::test]
async fn files_whose_number_now_is_someone_elses_do_no_harm() {
    let scratch = Scratch::new();
    let options = PostgresOptions::new(scratch.join("data"));
    let mut postgres = Postgres::start(options.clone()).await.expect("a server");
    let port = postgres.port();
    postgres.kill().await;
    drop(postgres);
    for file in ["postmaster.pid".to_owned(), format!(".s.PGSQL.{port}.lock")] {
        let file = scratch.join("data/postgres").join(file);
        let stale = fs::read_to_string(&file).expect("a killed server leaves its file");
        let (_, rest) = stale.split_once('\n').expect("lines");
        fs::write(&file, format!("{}\n{rest}", std::process::id())).expect("written");
    }
    let options = PostgresOptions { port: Some(port), ..options };
    let postgres = Postgres::start(options).await.expect("a server again");
    assert_eq!(ask(&postgres.url(), "select 'fine'").await, "fine");
    postgres.stop().await;
}

#[tokio::test]
async fn a_folder_in_use_is_refused_until_it_is_free() {
    let scratch = Scratch::new();
    let options = PostgresOptions::new(scratch.join("data"));
    let postgres = Postgres::start(options.clone()).await.expect("a server");
    let refused = Postgres::start(options.clone()).await.expect_err("in use");
    assert!(matches!(refused, Error::Folder(_)), "{refused}");
    let message = refused.to_string();
    assert!(message.contains("in use by process") && message.contains(&std::process::id().to_string()), "{message}");
    drop(postgres);
    // Its guard stops it by and by; the successor waits for that.
    let postgres = Postgres::start(options).await.expect("a server again");
    assert_eq!(ask(&postgres.url(), "select 'fine'").await, "fine");
    postgres.stop().await;
}

#[tokio::test]
async fn a_port_that_is_taken_is_named_in_the_error() {
    let scratch = Scratch::new();
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let options = PostgresOptions { port: Some(port), ..PostgresOptions::new(scratch.join("data")) };
    let message = Postgres::start(options).await.expect_err("taken").to_string();
    assert!(message.contains("Address already in use") && message.contains(&port.to_string()), "{message}");
}

#[tokio::test]
async fn a_temporary_server_leaves_nothing_when_it_is_dropped() {
    let options = PostgresOptions::temporary().expect("a folder");
    let folder = options.data_dir.clone();
    let postgres = Postgres::start(options).await.expect("a server");
    let url = postgres.url();
    assert_eq!(ask(&url, "select current_setting('fsync')").await, "off");
    assert!(folder.exists());
    drop(postgres);
    eventually("the server stops", || !listens(&url));
    eventually("its folder vanishes", || !folder.exists());
}

/// Root's home is closed to the account that runs the server; for other users this is an ordinary folder.
#[tokio::test]
async fn a_data_folder_below_a_closed_one_works_and_is_forgotten_with_it() {
    let scratch = Scratch::new();
    let closed = scratch.join("closed");
    fs::create_dir(&closed).expect("a folder");
    fs::set_permissions(&closed, Permissions::from_mode(0o700)).expect("closed");
    let options = PostgresOptions::new(closed.join("data"));
    let postgres = Postgres::start(options.clone()).await.expect("a server");
    execute(&postgres.url(), "create table kept as select 'once' as word").await;
    postgres.stop().await;
    let postgres = Postgres::start(options.clone()).await.expect("a server again");
    assert_eq!(ask(&postgres.url(), "select word from kept").await, "once");
    postgres.stop().await;
    let elsewhere = fs::read_link(closed.join("data/elsewhere")).ok();

    fs::remove_dir_all(closed.join("data")).expect("removed");
    let postgres = Postgres::start(PostgresOptions { remove_at_end: true, ..options }).await.expect("a fresh server");
    assert_eq!(ask(&postgres.url(), "select (to_regclass('kept') is null)::text").await, "true", "nothing of the old");
    assert!(elsewhere.is_none_or(|place| !place.exists()), "the orphan is removed");
    postgres.stop().await;
}
