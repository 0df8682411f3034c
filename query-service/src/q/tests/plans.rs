//! At 100,000 segments, no filter that the service promises to serve reads the whole table, held by policies as it is.

use serde_json::json;
use shared::{Timestamp, document::Segment};
use sqlx::{AssertSqlSafe, PgConnection, Postgres, QueryBuilder};

use super::database;
use crate::q::{Query, Resource, sort::Sort, sql};

const SEGMENTS: usize = 100_000;
/// The start of the year in milliseconds.
const YEAR_2024: i64 = 1_704_067_200_000;
const YEAR_2025: i64 = 1_735_689_600_000;

/// Filters, with how many rows each finds.
const FILTERS: [(&str, i64); 43] = [
    ("", 100_000),
    ("id:s00007", 1),
    ("id:(s00007,s00008,nobody)", 2),
    ("id:~^s0000", 10),
    ("status:ACTIVE", 70_000),
    ("status:~^INACT", 30_000),
    ("status:nothing", 0),
    ("siteCode:site7", 1_000),
    ("siteCode:~^site7$", 1_000),
    ("siteCode:site8 status:ACTIVE", 0),
    ("name:\"Golden customers 8\"", 1),
    ("name.EN:\"Golden customers 8\"", 1),
    ("name.de:(\"Goldene Kunden 8\",\"Goldene Kunden 9\")", 1),
    ("name.en:\"Goldene Kunden 8\"", 0),
    ("name:nobody", 0),
    ("name:(~customers 77777$)", 1),
    ("name.en:(~^Golden customers 777)", 13),
    ("name.de:(~(?i)KUNDEN 4242$)", 1),
    ("name:~xyz", 0),
    ("name.fr:exists", 0),
    ("name.fr:missing", 100_000),
    ("description:exists", 99_900),
    ("description:missing", 100),
    ("description.en:\"Number 7 of all, who bought something within the last 7 days\"", 1),
    ("description:(~Number 7777. of)", 10),
    ("validity:exists", 10_000),
    ("validity.from:exists", 10_000),
    ("validity.to:missing", 90_000),
    ("validity.from:>2024-01-02", 9_855),
    ("validity.from:\"2024-01-01T00:10:00Z\"", 1),
    ("validity.to:(>=2025-01-01 AND <2025-01-01T00:30:00Z)", 3),
    ("metadata.version:9", 10_000),
    ("metadata.version:>8", 20_000),
    ("metadata.createdAt:(>=\"2024-01-01T00:00:00Z\" AND <\"2024-01-01T02:00:00+01:00\")", 60),
    ("metadata.modifiedAt:<2024-01-02", 1_440),
    ("metadata.mixins.crm:\"https://schemas.example.com/crm/7.json\"", 100),
    ("metadata.mixins.crm:~/crm/77.json", 100),
    ("mixins.crm.code:c7", 1),
    ("mixins.crm.tags:t7", 100),
    ("mixins.crm.tier:(-7,7)", 1),
    ("mixins.crm.vip:true", 33_334),
    ("mixins.crm.tags:all", 100_000),
    ("mixins.crm.vip:true mixins.crm.code:(c6,c7,c9)", 2),
];

/// So many rows fulfil these that reading all is the quickest way to count them, where no column answers alone.
const COUNTED_WHOLE: [&str; 4] =
    ["name.fr:missing", "description:exists", "mixins.crm.vip:true", "mixins.crm.tags:all"];

/// Fills the table without its indexes, which are quicker made at the end.
async fn fill(connection: &mut PgConnection) {
    let secondary =
        "select indexname, indexdef from pg_indexes where tablename = 'segment' and indexname <> 'segment_pkey'";
    let indexes: Vec<(String, String)> = sqlx::query_as(secondary).fetch_all(&mut *connection).await.expect("indexes");
    for (name, _) in &indexes {
        sqlx::raw_sql(AssertSqlSafe(format!("drop index {name}"))).execute(&mut *connection).await.expect("dropped");
    }
    for start in (0..SEGMENTS).step_by(2_000) {
        let segments: Vec<Segment> = (start..start + 2_000).map(segment).collect();
        database::insert_segments(connection, "acme", &segments).await;
    }
    for (_, definition) in indexes {
        sqlx::raw_sql(AssertSqlSafe(definition)).execute(&mut *connection).await.expect("created");
    }
    sqlx::raw_sql("vacuum analyze segment").execute(connection).await.expect("statistics");
}

fn segment(n: usize) -> Segment {
    let word = ["Golden", "Silver", "Bronze", "Loyal", "Summer", "Winter", "Fresh", "Premium"][n % 8];
    let wort = ["Goldene", "Silberne", "Bronzene", "Treue", "Sommer", "Winter", "Frische", "Beste"][n % 8];
    let instant = |start: i64| Timestamp::from_unix_millis(start + 60_000 * i64::try_from(n).expect("small"));
    let mut document = json!({
        "id": format!("s{n:05}"),
        "name": { "en": format!("{word} customers {n}"), "de": format!("{wort} Kunden {n}") },
        "status": if n % 10 < 7 { "ACTIVE" } else { "INACTIVE" },
        "siteCode": format!("site{}", n % 100),
        "mixins": { "crm": { "code": format!("c{n}"), "tags": [format!("t{}", n % 1000), "all"], "tier": -(n as i64), "vip": n.is_multiple_of(3) } },
        "metadata": {
            "version": n % 10 + 1, "createdAt": instant(YEAR_2024), "modifiedAt": instant(YEAR_2024),
            "mixins": { "crm": format!("https://schemas.example.com/crm/{}.json", n % 1000) },
        },
    });
    if !n.is_multiple_of(1000) {
        document["description"] =
            json!({ "en": format!("Number {n} of all, who bought something within the last {} days", n % 90) });
    }
    if n.is_multiple_of(10) {
        document["validity"] = json!({ "from": instant(YEAR_2024), "to": instant(YEAR_2025) });
    }
    serde_json::from_value(document).expect("a document")
}

/// The plan of a read; without an order, of a count.
async fn plan(connection: &mut PgConnection, query: &Query, sort: Option<&str>) -> String {
    let select = if sort.is_some() { "s.doc" } else { "count(*)" };
    let mut sql = statement(&format!("explain select {select}"), query);
    if let Some(sort) = sort {
        Sort::parse(sort, Resource::Segment, "en").expect(sort).push_order_by(&mut sql);
        sql.push(" limit 60");
    }
    let lines: Vec<String> = sql.build_query_scalar().persistent(false).fetch_all(connection).await.expect("a plan");
    lines.join("\n")
}

fn statement(select: &str, query: &Query) -> QueryBuilder<Postgres> {
    let mut sql = QueryBuilder::new(select);
    sql.push(" from segment s where s.tenant = ").push_bind("acme");
    sql::push_filter(&mut sql, Resource::Segment, query);
    sql
}

#[tokio::test]
async fn no_promised_filter_reads_the_whole_table() {
    let mut connection = database::connect().await;
    fill(&mut connection).await;
    database::become_reader(&mut connection, "acme").await;
    for (filter, rows) in FILTERS {
        let query = Query::parse(filter).expect(filter);
        let mut count = statement("select count(*)", &query);
        let counted: i64 = count.build_query_scalar().persistent(false).fetch_one(&mut connection).await.expect(filter);
        assert_eq!(counted, rows, "{filter}");

        let page = plan(&mut connection, &query, Some("")).await;
        assert!(!page.contains("Seq Scan"), "{filter}\n{page}");
        let count = plan(&mut connection, &query, None).await;
        assert!(!count.contains("Seq Scan") || COUNTED_WHOLE.contains(&filter), "count of {filter}\n{count}");
    }
    for sort in ["id:desc", "status", "siteCode:desc", "validity.from", "validity.to:desc", "metadata.createdAt:desc"] {
        let page = plan(&mut connection, &Query::default(), Some(sort)).await;
        assert!(!page.contains("Seq Scan"), "{sort}\n{page}");
    }
}
