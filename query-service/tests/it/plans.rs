//! At size, reads find their rows by an index: no read of a page, an item, a match or a count of few rows reads a table whole, or
//! all rows of its tenant.
//! They read as the service does, held by policies. The filters on segments are tested beside `q`.

use local_parts::testing::TestDatabase;
use query_service::{
    progress::Progress,
    q::{Query, Resource, sort::Sort},
    views::{
        self, Customer, Database, Page, Reader, Version, Visible, Which, customers, history, items, matching, segments,
    },
};
use shared::{
    http::past::Moment,
    ids::{CustomerId, CustomerRef, ItemId, ItemRef, ItemType, LegalEntityId, SegmentId, Tenant},
};
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, PgPool};

use crate::support::eventually;

const MATCH: &str = include_str!("../../src/views/matching.sql");

const FILL: &str = "
    set statement_timeout = 0;
    insert into segment
    select tenant, 's' || n, 0, '00000000', 1, now(), now(), case when n % 3 = 0 then 'ACTIVE' else 'INACTIVE' end,
        'site' || n % 50, null, null, '{}', '', '{}'
    from generate_series(1, 50000) n, unnest(array['acme', 'beta']) tenant;
    insert into item_assignment
    select tenant, 's' || n % 1000, case when n % 10 = 0 then 'CATEGORY' else 'PRODUCT' end, 'i' || n, 0, n, '00000000', 1,
        now() + n * interval '1 second', now(), null, null,
        case when n % 4 = 0 then jsonb_build_object('mixins', jsonb_build_object('m', n % 5000)) end
    from generate_series(1, 100000) n, unnest(array['acme', 'beta']) tenant;
    insert into customer_assignment
    select tenant, 's' || n % 998, 'c' || n % 20000, case when n % 3 = 0 then '' else 'le' || n % 3 end, 0, n, '00000000',
        1, now() + n * interval '1 second', now(), 'MANUAL', null, null,
        case when n % 4 = 0 then jsonb_build_object('mixins', jsonb_build_object('m', n % 5000)) end
    from generate_series(1, 100000) n, unnest(array['acme', 'beta']) tenant;
    insert into product select tenant, 'i' || n, 'code' || n, jsonb_build_object('en', 'name' || n)
    from generate_series(1, 100000) n, unnest(array['acme', 'beta']) tenant;
    insert into category select tenant, 'i' || n, 'i' || n / 100 * 100, 'code' || n, null, '{}', 0, n, false
    from generate_series(10, 100000, 10) n, unnest(array['acme', 'beta']) tenant;
    insert into category_closure select tenant, category_id, parent_id, 1 from category where category_id <> parent_id;
    insert into product_category select tenant, 'i' || n, 'i' || n / 10 * 10
    from generate_series(10, 100000) n, unnest(array['acme', 'beta']) tenant;
    insert into customer select tenant, 'c' || n, 'first', 'last' || n, 'mail' || n
    from generate_series(0, 20000) n, unnest(array['acme', 'beta']) tenant;
    insert into segment_history
    select tenant, 's7', '2024-01-01'::timestamptz + n * interval '1 minute', 0, n, n,
        'customer-segment.segment-replaced.v1', 'client:dev', gen_random_uuid(), null, '{}'
    from generate_series(1, 10000) n, unnest(array['acme', 'beta']) tenant;
    analyze segment, segment_history, item_assignment, customer_assignment, product, category, category_closure, product_category, customer";

/// More rows than some reads together need, and fewer than the larger tables hold of one tenant.
const MOST_ROWS: i64 = 10_000;

struct Tables {
    owner: PgPool,
    tenant: Tenant,
    database: TestDatabase,
}

impl Tables {
    async fn filled() -> Self {
        let database = local_parts::testing::database().await;
        let access = views::open(&Database::at(database.url()), Version::FIRST, Progress::new(1, 0))
            .await
            .expect("the views open");
        sqlx::raw_sql(FILL).execute(&access.owner).await.expect("filled");
        Self { owner: access.owner, tenant: Tenant::parse("acme").expect("a tenant"), database }
    }

    /// None of these reads a table whole, nor all that it holds of the tenant. How many rows they read.
    async fn read_by_indexes(&self, what: &str, read: impl AsyncFnOnce(&Reader)) -> i64 {
        let (whole_before, rows_before) = self.counted().await;
        let access = views::open(&Database::at(self.database.url()), Version::FIRST, Progress::new(1, 0))
            .await
            .expect("the views open");
        read(&access.reader).await;
        // A session tells what it has counted when it ends.
        drop(access);
        eventually("all sessions have ended", async || self.sessions().await == 0).await;
        let (whole, rows) = self.counted().await;
        assert_eq!(whole, whole_before, "{what}");
        // Before version 17, rows of some segments are found in their order only by reading those of all.
        let is_limited = self.version().await >= 170_000;
        assert!(!is_limited || rows - rows_before < MOST_ROWS, "{what}: {} rows", rows - rows_before);
        rows - rows_before
    }

    async fn version(&self) -> i32 {
        let version = "select current_setting('server_version_num')::integer";
        sqlx::query_scalar(version).fetch_one(&self.owner).await.expect("a number")
    }

    async fn sessions(&self) -> i64 {
        let all = "select count(*) from pg_stat_activity
                   where datname = current_database() and application_name = 'query-service'";
        sqlx::query_scalar(all).fetch_one(&self.owner).await.expect("a number")
    }

    /// How often one of the tables was read whole, and how many rows were read.
    async fn counted(&self) -> (i64, i64) {
        sqlx::query_as(
            "select sum(seq_scan)::bigint, sum(seq_tup_read + coalesce(idx_tup_fetch, 0))::bigint from pg_stat_user_tables
             where relname in ('segment', 'segment_history', 'item_assignment', 'customer_assignment', 'product', 'category',
                 'category_closure', 'product_category', 'customer')",
        )
        .fetch_one(&self.owner)
        .await
        .expect("two numbers")
    }
}

/// One test, since to fill the tables takes far longer than all that is asked of them.
#[tokio::test]
async fn reads_use_indexes_at_size() {
    let tables = Tables::filled().await;
    reads_of_items_and_pages_of_segments(&tables).await;
    match_is_planned_with_indexes_once_or_for_its_values(&tables).await;
    a_page_of_a_long_history_reads_the_rows_of_the_page(&tables).await;
    reads_of_customers(&tables).await;
    reads_of_what_is_theirs(&tables).await;
}

async fn reads_of_items_and_pages_of_segments(tables: &Tables) {
    let tenant = &tables.tenant;
    let lists = tables.read_by_indexes("lists of items", async |reader| {
        for (segment_id, site_code, only_active, q, sort, count) in [
            (Some("s7"), None, false, "", "", true),
            (Some("s7"), None, false, "", "metadata.createdAt:desc", true),
            (None, None, false, "", "", false),
            (None, None, false, "segmentId:(s7,s9) type:PRODUCT", "", true),
            (None, None, false, "type:PRODUCT item.id:i77", "", true),
            (None, None, false, "item.id:i77", "", true),
            (None, None, false, "mixins.m:8", "", true),
            (None, None, false, "item.code:code77", "", true),
            (Some("s7"), None, false, "item.name.en:~^name7", "item.name:desc", true),
            (None, None, false, "item.name.en:name77", "", true),
            (None, None, false, "item.name:~name777.$", "", true),
            (None, None, true, "segmentId:s9", "", true),
            (None, None, true, "", "", false),
            (None, Some("site7"), false, "segmentId:(s7,s57)", "", true),
        ] {
            let segment_id = segment_id.map(|id| SegmentId::parse(id).expect("an id"));
            let wanted = items::Wanted {
                tenant,
                visible: &Visible::Everything,
                segment_id: segment_id.as_ref(),
                site_code,
                only_active,
                as_of: None,
                query: &Query::parse(q).expect(q),
                sort: &Sort::parse(sort, Resource::Item, "en").expect(sort),
                page: Page { limit: 60, offset: 0, count },
            };
            let page = items::list(reader, &wanted).await.expect("an answer");
            assert!(!page.rows.is_empty(), "{segment_id:?} {site_code:?} {q}");
        }
    });
    lists.await;

    let singles = tables.read_by_indexes("single items", async |reader| {
        let item = ItemRef { kind: ItemType::Product, id: ItemId::parse("i7").expect("an id") };
        let s7 = SegmentId::parse("s7").expect("an id");
        let found = items::get(reader, tenant, &Visible::Everything, &s7, &item).await;
        assert!(found.expect("an answer").is_some());
    });
    singles.await;

    let pages = tables.read_by_indexes("pages of segments", async |reader| {
        let (query, sort) = (Query::default(), Sort::parse("", Resource::Segment, "en").expect("the default"));
        for offset in [0, 6_000] {
            let page = Page { limit: 60, offset, count: false };
            let wanted = segments::Wanted { tenant, visible: &Visible::Everything, query: &query, sort: &sort, page };
            assert_eq!(segments::list(reader, &wanted).await.expect("an answer").rows.len(), 60);
        }
    });
    pages.await;
}

async fn match_is_planned_with_indexes_once_or_for_its_values(tables: &Tables) {
    let products: Vec<ItemId> = (1..=200).map(|n| ItemId::parse(&format!("i{n}")).expect("an id")).collect();
    let segment_ids: Vec<SegmentId> = (1..=500).map(|n| SegmentId::parse(&format!("s{n}")).expect("an id")).collect();
    let asked = tables.read_by_indexes("match", async |reader| {
        for with_descendants in [true, false] {
            let question = matching::Question {
                tenant: &tables.tenant,
                segment_ids: &segment_ids,
                site_code: "site3",
                valid_at: None,
                with_descendants,
                products: &products,
            };
            assert!(!matching::products(reader, &question).await.expect("an answer").is_empty());
        }
    });
    asked.await;

    let options = tables.owner.connect_options().as_ref().clone();
    let settings = [("role", "segments_reader"), ("segments.tenant", "acme")];
    let mut connection = PgConnection::connect_with(&options.options(settings)).await.expect("connected");
    let prepare = format!("prepare match (text, text[], text, text[], timestamptz, boolean) as {MATCH}");
    connection.execute(AssertSqlSafe(prepare)).await.expect("prepared");
    let ids = |ids: Vec<&str>| format!("'{{{}}}'", ids.join(","));
    let segment_ids = ids(segment_ids.iter().map(SegmentId::as_str).collect());
    let products = ids(products.iter().map(ItemId::as_str).collect());
    for mode in ["force_generic_plan", "force_custom_plan"] {
        connection.execute(AssertSqlSafe(format!("set plan_cache_mode = {mode}"))).await.expect("set");
        let explain = format!("explain execute match ('acme', {segment_ids}, 'site3', {products}, '2024-04-17', true)");
        let lines: Vec<String> =
            sqlx::query_scalar(AssertSqlSafe(explain)).fetch_all(&mut connection).await.expect("a plan");
        let plan = lines.join("\n");
        // It is nearly always empty.
        let whole = plan.matches("Seq Scan").count() - plan.matches("Seq Scan on buried").count();
        assert_eq!(whole, 0, "{mode}\n{plan}");
        for index in ["item_assignment_", "product_category_pkey", "category_closure_pkey", "segment_"] {
            assert!(plan.contains(index), "{mode} {index}\n{plan}");
        }
    }
}

async fn a_page_of_a_long_history_reads_the_rows_of_the_page(tables: &Tables) {
    let (tenant, segment_id) = (&tables.tenant, &SegmentId::parse("s7").expect("an id"));
    let instant = |text: &str| Some(text.parse().expect("an instant"));
    for (what, from, to, expected) in [
        ("the first page", None, None, 60),
        ("the first page of a time", instant("2024-01-03T00:00:00Z"), instant("2024-01-03T00:09:00Z"), 10),
    ] {
        let pages = tables.read_by_indexes(what, async |reader| {
            let page = Page { limit: 60, offset: 0, count: false };
            let wanted = history::Wanted { tenant, segment_id, from, to, page };
            let found = history::list(reader, &wanted).await.expect("an answer");
            assert_eq!(found.rows.len(), usize::try_from(expected).expect("few"), "{what}");
        });
        assert_eq!(pages.await, expected, "{what}");
    }
    let documents = tables.read_by_indexes("a document of the middle", async |reader| {
        let moment = Moment::AsOf("2024-01-03T00:00:30Z".parse().expect("an instant"));
        let found = history::documents(reader, tenant, segment_id, [moment]).await.expect("an answer");
        assert_eq!(found, [Some("{}".to_owned())]);
    });
    // Found by the index, which may have to ask the table whether the row is there, and read.
    assert!(documents.await <= 2);
}

/// A customer of five segments, one of them active, for two legal entities and for themselves.
fn customer(legal_entity_id: Option<&str>) -> Customer {
    Customer {
        id: "c7".to_owned(),
        legal_entity_id: legal_entity_id.map(str::to_owned),
        legal_entities: vec!["le9".to_owned()],
    }
}

async fn reads_of_customers(tables: &Tables) {
    let tenant = &tables.tenant;
    let segment_id = SegmentId::parse("s7").expect("an id");
    let lists = tables.read_by_indexes("lists of customers, and single ones", async |reader| {
        for visible in [Visible::Everything, Visible::Of { customer: customer(Some("le1")), which: Which::Any }] {
            for (q, text) in [
                ("", ""),
                ("", "metadata.createdAt:desc"),
                ("customer.id:c7", ""),
                ("legalEntity.id:le1", ""),
                ("customer.email:mail7", "customer.lastName:desc"),
            ] {
                let (query, sort) =
                    (Query::parse(q).expect(q), Sort::parse(text, Resource::Customer, "en").expect(text));
                let page = Page { limit: 60, offset: 0, count: true };
                let wanted = customers::Wanted {
                    tenant,
                    segment_id: &segment_id,
                    visible: &visible,
                    as_of: None,
                    query: &query,
                    sort: &sort,
                    page,
                };
                assert!(customers::list(reader, &wanted).await.expect("an answer").total.is_some());
            }
        }
        for legal_entity in [None, Some(LegalEntityId::parse("le1").expect("an id"))] {
            let customer = CustomerRef { id: CustomerId::parse("c7").expect("an id"), legal_entity };
            customers::get(reader, tenant, &segment_id, &customer).await.expect("an answer");
        }
    });
    lists.await;
}

async fn reads_of_what_is_theirs(tables: &Tables) {
    let tenant = &tables.tenant;
    let segment_id = SegmentId::parse("s7").expect("an id");
    let own = tables.read_by_indexes("what a customer sees", async |reader| {
        let item = ItemRef { kind: ItemType::Product, id: ItemId::parse("i7").expect("an id") };
        for (legal_entity_id, which) in [(None, Which::Any), (None, Which::Active), (Some("le1"), Which::Active)] {
            let visible = Visible::Of { customer: customer(legal_entity_id), which };
            segments::get(reader, tenant, &visible, &segment_id).await.expect("an answer");
            items::get(reader, tenant, &visible, &segment_id, &item).await.expect("an answer");
            for (q, count, rows) in
                [("", false, 5), ("", true, 5), ("status:ACTIVE", true, 1), ("metadata.version:1", true, 5)]
            {
                let (query, page) = (Query::parse(q).expect(q), Page { limit: 60, offset: 0, count });
                let sort = Sort::parse("", Resource::Segment, "en").expect("the default");
                let wanted = segments::Wanted { tenant, visible: &visible, query: &query, sort: &sort, page };
                let found = segments::list(reader, &wanted).await.expect("an answer");
                assert!(which != Which::Any || found.rows.len() == rows, "{q}");
                let sort = Sort::parse("", Resource::Item, "en").expect("the default");
                let wanted = items::Wanted {
                    tenant,
                    visible: &visible,
                    segment_id: None,
                    site_code: None,
                    only_active: false,
                    as_of: None,
                    query: &Query::default(),
                    sort: &sort,
                    page,
                };
                items::list(reader, &wanted).await.expect("an answer");
            }
        }
    });
    own.await;
}
