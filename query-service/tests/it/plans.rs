//! At size, reads find their rows by an index: no read of a page, an item, a match or a count of few rows reads a table whole.
//! The filters on segments are tested beside `q`.

use local_parts::testing::TestDatabase;
use query_service::{
    progress::Progress,
    q::{Query, Resource, sort::Sort},
    views::{self, Customer, Database, Page, Visible, Which, customers, items, matching, segments},
};
use shared::ids::{CustomerId, CustomerRef, ItemId, ItemRef, ItemType, LegalEntityId, SegmentId, Tenant};
use sqlx::PgPool;

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
    analyze segment, item_assignment, customer_assignment, product, category, category_closure, product_category, customer";

struct Tables {
    pool: PgPool,
    tenant: Tenant,
    /// Lives as long as the tables are read.
    _database: TestDatabase,
}

impl Tables {
    async fn filled() -> Self {
        let database = local_parts::testing::database().await;
        let one = Database { connections: 1, ..Database::at(database.url()) };
        let pool = views::open(&one, Progress::new(1, 0)).await.expect("the views open");
        sqlx::raw_sql(FILL).execute(&pool).await.expect("filled");
        Self { pool, tenant: Tenant::parse("acme").expect("a tenant"), _database: database }
    }

    /// How often one of the tables was read whole. There is one connection, so its own statistics are all there is.
    async fn whole_reads(&self) -> i64 {
        sqlx::query("select pg_stat_force_next_flush()").execute(&self.pool).await.expect("flushed");
        sqlx::query_scalar(
            "select sum(seq_scan)::bigint from pg_stat_user_tables
             where relname in ('segment', 'item_assignment', 'customer_assignment', 'product', 'category',
                 'category_closure', 'product_category', 'customer')",
        )
        .fetch_one(&self.pool)
        .await
        .expect("a number")
    }

    async fn items(
        &self,
        segment_id: Option<&str>,
        site_code: Option<&str>,
        only_active: bool,
        q: &str,
        sort: &str,
        count: bool,
    ) {
        let segment_id = segment_id.map(|id| SegmentId::parse(id).expect("an id"));
        let wanted = items::Wanted {
            tenant: &self.tenant,
            visible: &Visible::Everything,
            segment_id: segment_id.as_ref(),
            site_code,
            only_active,
            query: &Query::parse(q).expect(q),
            sort: &Sort::parse(sort, Resource::Item, "en").expect(sort),
            page: Page { limit: 60, offset: 0, count },
        };
        let page = items::list(&self.pool, &wanted).await.expect("an answer");
        assert!(!page.rows.is_empty(), "{segment_id:?} {site_code:?} {q}");
    }
}

#[tokio::test]
async fn reads_of_items_and_pages_of_segments_use_indexes_at_size() {
    let tables = Tables::filled().await;
    let pool = tables.pool.clone();
    let before = tables.whole_reads().await;

    for sort in ["", "metadata.createdAt:desc"] {
        tables.items(Some("s7"), None, false, "", sort, true).await;
    }
    tables.items(None, None, false, "", "", false).await;
    tables.items(None, None, false, "segmentId:(s7,s9) type:PRODUCT", "", true).await;
    tables.items(None, None, false, "type:PRODUCT item.id:i77", "", true).await;
    tables.items(None, None, false, "item.id:i77", "", true).await;
    tables.items(None, None, false, "mixins.m:8", "", true).await;
    tables.items(None, None, false, "item.code:code77", "", true).await;
    tables.items(Some("s7"), None, false, "item.name.en:~^name7", "item.name:desc", true).await;
    tables.items(None, None, false, "item.name.en:name77", "", true).await;
    tables.items(None, None, false, "item.name:~name777.$", "", true).await;
    tables.items(None, None, true, "segmentId:s9", "", true).await;
    tables.items(None, None, true, "", "", false).await;
    tables.items(None, Some("site7"), false, "segmentId:(s7,s57)", "", true).await;
    assert_eq!(tables.whole_reads().await, before, "lists of items");

    let item = ItemRef { kind: ItemType::Product, id: ItemId::parse("i7").expect("an id") };
    let (s7, tenant) = (SegmentId::parse("s7").expect("an id"), &tables.tenant);
    assert!(items::get(&pool, tenant, &Visible::Everything, &s7, &item).await.expect("an answer").is_some());
    let products: Vec<ItemId> = (1..=200).map(|n| ItemId::parse(&format!("i{n}")).expect("an id")).collect();
    let segment_ids: Vec<SegmentId> = (1..=500).map(|n| SegmentId::parse(&format!("s{n}")).expect("an id")).collect();
    let question = matching::Question {
        tenant,
        segment_ids: &segment_ids,
        site_code: "site3",
        valid_at: None,
        with_descendants: true,
        products: &products,
    };
    assert!(!matching::products(&pool, &question).await.expect("an answer").is_empty());
    assert_eq!(tables.whole_reads().await, before, "single items and match");

    let (query, sort) = (Query::default(), Sort::parse("", Resource::Segment, "en").expect("the default"));
    for offset in [0, 6_000] {
        let page = Page { limit: 60, offset, count: false };
        let wanted = segments::Wanted { tenant, visible: &Visible::Everything, query: &query, sort: &sort, page };
        assert_eq!(segments::list(&pool, &wanted).await.expect("an answer").rows.len(), 60);
    }
    assert_eq!(tables.whole_reads().await, before, "pages of segments");
}

/// A customer of five segments, one of them active, for two legal entities and for themselves.
fn customer(legal_entity_id: Option<&str>) -> Customer {
    Customer {
        id: "c7".to_owned(),
        legal_entity_id: legal_entity_id.map(str::to_owned),
        legal_entities: vec!["le9".to_owned()],
    }
}

#[tokio::test]
async fn reads_of_customers_and_of_what_is_theirs_use_indexes_at_size() {
    let tables = Tables::filled().await;
    let (pool, tenant) = (&tables.pool, &tables.tenant);
    let segment_id = SegmentId::parse("s7").expect("an id");
    let before = tables.whole_reads().await;
    for visible in [Visible::Everything, Visible::Of { customer: customer(Some("le1")), which: Which::Any }] {
        for (q, text) in [
            ("", ""),
            ("", "metadata.createdAt:desc"),
            ("customer.id:c7", ""),
            ("legalEntity.id:le1", ""),
            ("customer.email:mail7", "customer.lastName:desc"),
        ] {
            let (query, sort) = (Query::parse(q).expect(q), Sort::parse(text, Resource::Customer, "en").expect(text));
            let page = Page { limit: 60, offset: 0, count: true };
            let wanted = customers::Wanted {
                tenant,
                segment_id: &segment_id,
                visible: &visible,
                query: &query,
                sort: &sort,
                page,
            };
            assert!(customers::list(pool, &wanted).await.expect("an answer").total.is_some());
        }
    }
    for legal_entity in [None, Some(LegalEntityId::parse("le1").expect("an id"))] {
        let customer = CustomerRef { id: CustomerId::parse("c7").expect("an id"), legal_entity };
        customers::get(pool, tenant, &segment_id, &customer).await.expect("an answer");
    }
    assert_eq!(tables.whole_reads().await, before, "lists of customers, and single ones");

    let item = ItemRef { kind: ItemType::Product, id: ItemId::parse("i7").expect("an id") };
    for (legal_entity_id, which) in [(None, Which::Any), (None, Which::Active), (Some("le1"), Which::Active)] {
        let visible = Visible::Of { customer: customer(legal_entity_id), which };
        segments::get(pool, tenant, &visible, &segment_id).await.expect("an answer");
        items::get(pool, tenant, &visible, &segment_id, &item).await.expect("an answer");
        for (q, count, rows) in
            [("", false, 5), ("", true, 5), ("status:ACTIVE", true, 1), ("metadata.version:1", true, 5)]
        {
            let (query, page) = (Query::parse(q).expect(q), Page { limit: 60, offset: 0, count });
            let sort = Sort::parse("", Resource::Segment, "en").expect("the default");
            let wanted = segments::Wanted { tenant, visible: &visible, query: &query, sort: &sort, page };
            let found = segments::list(pool, &wanted).await.expect("an answer");
            assert!(which != Which::Any || found.rows.len() == rows, "{q}");
            let sort = Sort::parse("", Resource::Item, "en").expect("the default");
            let wanted = items::Wanted {
                tenant,
                visible: &visible,
                segment_id: None,
                site_code: None,
                only_active: false,
                query: &Query::default(),
                sort: &sort,
                page,
            };
            items::list(pool, &wanted).await.expect("an answer");
        }
    }
    assert_eq!(tables.whole_reads().await, before, "what a customer sees");
}
