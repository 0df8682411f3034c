use std::time::Duration;

use shared::ids::Tenant;
use sqlx::{ConnectOptions as _, postgres::PgConnectOptions};

use super::*;
use crate::{
    progress::Progress,
    views::{Access, Database, Version, make, open, options, reader::Limits, reader::Reader},
};

/// Functions of searches that are not leakproof, without their arguments.
async fn distrusted_names(options: &PgConnectOptions) -> Vec<String> {
    let mut connection = PgConnection::connect_with(options).await.expect("connected");
    let functions = distrusted(&mut connection).await.expect("an answer");
    let mut names: Vec<_> =
        functions.into_iter().map(|(name, _)| name.split('(').next().unwrap_or("").into()).collect();
    names.sort();
    names
}

#[tokio::test]
async fn only_a_database_without_tables_of_others_trusts_functions_that_all_have() {
    let (ours, shared) = (local_parts::testing::database().await, local_parts::testing::database().await);
    let [ours, shared] =
        [ours.url(), shared.url()].map(|url| options(&Database::at(url), Version::FIRST).expect("a URL"));
    make(&ours, Version::FIRST).await.expect("made");
    assert_eq!(distrusted_names(&ours).await, Vec::<String>::new());

    let mut other = PgConnection::connect_with(&shared).await.expect("connected");
    other.execute("create table public.theirs (secret text)").await.expect("created");
    make(&shared, Version::FIRST).await.expect("made");
    assert_eq!(distrusted_names(&shared).await, ["arrayoverlap", "jsonb_path_match_opr", "textregexeq"]);
    // Whoever owns the database has decided.
    other.execute("alter function textregexeq(text, text) leakproof").await.expect("altered");
    make(&shared, Version::FIRST).await.expect("made again");
    assert_eq!(distrusted_names(&shared).await, ["arrayoverlap", "jsonb_path_match_opr"]);
}

#[tokio::test]
async fn a_login_that_may_not_make_roles_is_told_what_it_lacks_and_then_reads() {
    let database = local_parts::testing::database().await;
    let admin = options(&Database::at(database.url()), Version::FIRST).expect("a URL");
    let name = admin.get_database().expect("a name").to_owned();
    let login = format!("login_{name}");
    let mut connection = PgConnection::connect_with(&admin.clone().database("postgres")).await.expect("connected");
    let mut run = async |statement: String| {
        connection.execute(AssertSqlSafe(&*statement)).await.expect(&statement);
    };
    run(format!("create role {login} login password 'secret'")).await;
    run(format!("alter database {name} owner to {login}")).await;

    let url = admin.username(&login).password("secret").to_url_lossy();
    let refused =
        open(&Database::at(url.as_str()), Version::FIRST, Progress::new(1, 1)).await.expect_err("refused").to_string();
    assert!(refused.contains(&format!("grant segments_reader to {login};")), "{refused}");

    run("do 'begin create role segments_reader; exception when duplicate_object then null; end'".to_owned()).await;
    run(format!("grant segments_reader to {login}")).await;
    let access = open(&Database::at(url.as_str()), Version::FIRST, Progress::new(1, 1)).await.expect("the views open");
    let tenant = Tenant::parse("acme").expect("a tenant");
    let found = access.reader.read(&tenant, async |connection| {
        sqlx::query("select from segment where texts ~ 'gold'").fetch_all(connection).await
    });
    assert_eq!(found.await.expect("an answer").len(), 0);
    assert_eq!(
        distrusted_names(&options(&Database::at(url.as_str()), Version::FIRST).expect("a URL")).await.len(),
        SEARCHING.len()
    );

    drop(access);
    database.remove().await;
    run(format!("drop role {login}")).await;
}

#[tokio::test]
async fn a_role_that_policies_do_not_hold_is_refused() {
    let database = local_parts::testing::database().await;
    let Access { owner, .. } =
        open(&Database::at(database.url()), Version::FIRST, Progress::new(1, 1)).await.expect("the views open");
    let limits = Limits { connections: 1, acquire_timeout: Duration::from_secs(5) };
    let as_owner = Reader::connect(owner.connect_options().as_ref().clone(), limits, Progress::new(1, 1)).await;
    assert!(matches!(as_owner, Err(OpenError::NoWall)), "{as_owner:?}");
}
