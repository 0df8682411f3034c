//! A database with the views, and rows in it.

use serde_json::{Value, json};
use shared::document::{Segment, Status};
use sqlx::{Connection, PgConnection, Postgres, QueryBuilder};

use crate::{
    q::{Query, Resource, columns, columns::SegmentColumns, sort::Sort, sql},
    views::{self, Database, Version},
};

/// An assignment: what names it, and a document whose mixins and metadata it has. If the document is active, the item or
/// customer is known, by its names; legal entities whose id begins with a `G` are known by it.
#[derive(Debug, Clone)]
pub struct Assignment {
    pub target: Target,
    pub segment: Segment,
}

/// What names an assignment.
#[derive(Debug, Clone)]
pub enum Target {
    /// Segment, type and item.
    Item(String, &'static str, String),
    /// Customer and legal entity, empty for none.
    Customer(String, String),
}

impl Assignment {
    /// The id of the item or customer.
    pub fn id(&self) -> &str {
        match &self.target {
            Target::Item(_, _, id) | Target::Customer(id, _) => id,
        }
    }

    /// The row as the API shows it.
    pub fn shown(&self) -> Value {
        let mut row = match &self.target {
            Target::Item(segment_id, kind, id) => {
                json!({ "segmentId": segment_id, "type": kind, "item": { "id": id } })
            }
            Target::Customer(id, legal_entity_id) => {
                let mut row = json!({ "customer": { "id": id }, "assignmentType": "MANUAL" });
                if !legal_entity_id.is_empty() {
                    row["legalEntity"] = json!({ "id": legal_entity_id });
                }
                row
            }
        };
        let segment = serde_json::to_value(&self.segment).expect("a document");
        self.name(&mut row, &segment);
        row["metadata"] = segment["metadata"].clone();
        if let Some(mixins) = segment.get("mixins") {
            row["mixins"] = mixins.clone();
        }
        row
    }

    fn name(&self, row: &mut Value, segment: &Value) {
        if let Target::Customer(_, entity) = &self.target
            && is_known(entity)
        {
            row["legalEntity"]["name"] = json!(entity);
        }
        if segment["status"] != "ACTIVE" {
            return;
        }
        match &self.target {
            Target::Item(..) => {
                row["item"]["code"] = segment["siteCode"].clone();
                row["item"]["name"] = segment["name"].clone();
            }
            Target::Customer(..) => row["customer"]["email"] = segment["siteCode"].clone(),
        }
    }
}

/// What is known of legal entities.
fn is_known(legal_entity_id: &str) -> bool {
    legal_entity_id.starts_with('G')
}

/// A connection to a fresh database with the views, as their owner.
pub async fn connect() -> PgConnection {
    let database = local_parts::testing::database().await;
    let options = views::options(&Database::at(database.url()), Version::FIRST).expect("a URL");
    views::make(&options, Version::FIRST).await.expect("the views are created");
    PgConnection::connect_with(&options).await.expect("the database answers")
}

/// From here on the connection reads as the service does: for one tenant, and held by the policies.
pub async fn become_reader(connection: &mut PgConnection, tenant: &str) {
    let become_it = "select set_config('role', 'segments_reader', false), set_config('segments.tenant', $1, false)";
    sqlx::query(become_it).bind(tenant).execute(connection).await.expect("it may");
}

pub async fn insert_segments(connection: &mut PgConnection, tenant: &str, segments: &[Segment]) {
    fn all<T>(segments: &[Segment], value: impl Fn(&Segment) -> T) -> Vec<T> {
        segments.iter().map(value).collect()
    }
    let columns = all(segments, SegmentColumns::of);
    let validity = |segment: &Segment| segment.validity.unwrap_or_default();
    let insert = sqlx::query(
        "insert into segment (tenant, segment_id, partition, incarnation, version, created_at, modified_at, status, \
         site_code, valid_from, valid_to, search, texts, doc) \
         select $1, id, 0, '00000000', version, created_at, modified_at, status, site_code, valid_from, valid_to, \
         search::jsonb, texts, doc::json from unnest($2::text[], $3::bigint[], $4::timestamptz[], $5::timestamptz[], \
         $6::text[], $7::text[], $8::timestamptz[], $9::timestamptz[], $10::text[], $11::text[], $12::text[]) \
         as t(id, version, created_at, modified_at, status, site_code, valid_from, valid_to, search, texts, doc)",
    );
    let insert = insert
        .bind(tenant)
        .bind(all(segments, |segment| segment.id.as_str().to_owned()))
        .bind(all(segments, |segment| i64::try_from(segment.metadata.version).expect("a small version")))
        .bind(all(segments, |segment| segment.metadata.created_at.datetime()))
        .bind(all(segments, |segment| segment.metadata.modified_at.datetime()))
        .bind(all(segments, |segment| segment.status.as_str()))
        .bind(columns.iter().map(|columns| columns.site_code.clone()).collect::<Vec<_>>())
        .bind(all(segments, |segment| validity(segment).from.map(|from| from.datetime())))
        .bind(all(segments, |segment| validity(segment).to.map(|to| to.datetime())))
        .bind(columns.iter().map(|columns| columns.search.to_string()).collect::<Vec<_>>())
        .bind(columns.iter().map(|columns| columns.texts.clone()).collect::<Vec<_>>())
        .bind(all(segments, |segment| serde_json::to_string(segment).expect("a document")));
    insert.execute(&mut *connection).await.expect("every document can be stored");
    let texts: Vec<String> = columns.into_iter().flat_map(|columns| columns.metadata_texts).collect();
    let insert = "insert into metadata_text (tenant, text) select distinct $1, text from unnest($2::text[]) text on conflict do nothing";
    sqlx::query(insert).bind(tenant).bind(texts).execute(connection).await.expect("every text can be stored");
}

const INSERT_ITEM: &str = "
    insert into item_assignment (segment_id, type, item_id, tenant, version, created_at, modified_at, search,
        partition, log_offset, incarnation)
    values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, '00000000')";

const INSERT_CUSTOMER: &str = "
    insert into customer_assignment (segment_id, customer_id, legal_entity_id, tenant, version, created_at, modified_at,
        search, partition, log_offset, incarnation, assignment_type)
    values ($1, $2, $3, $4, $5, $6, $7, $8, 0, 0, '00000000', 'MANUAL')";

pub async fn insert_assignments(connection: &mut PgConnection, tenant: &str, assignments: &[Assignment]) {
    for Assignment { target, segment } in assignments {
        let metadata = &segment.metadata;
        let search = columns::assignment_search(segment.mixins.as_ref(), metadata.mixins.as_ref());
        let (statement, names) = match target {
            Target::Item(segment_id, kind, id) => (INSERT_ITEM, [segment_id.as_str(), *kind, id.as_str()]),
            Target::Customer(id, legal_entity_id) => (INSERT_CUSTOMER, ["g1", id, legal_entity_id]),
        };
        let insert = names.into_iter().fold(sqlx::query(statement), |insert, name| insert.bind(name));
        let insert = insert.bind(tenant).bind(i64::try_from(metadata.version).expect("a small version"));
        let insert = insert.bind(metadata.created_at.datetime()).bind(metadata.modified_at.datetime()).bind(search);
        insert.execute(&mut *connection).await.expect("every row can be stored");
        insert_names(connection, tenant, target, segment).await;
    }
}

const NAME_PRODUCT: &str = "insert into product (tenant, product_id, code, name) values ($1, $2, $3, $4)";

const NAME_CATEGORY: &str = "
    insert into category (tenant, category_id, code, name, doc, partition, log_offset, is_cut)
    values ($1, $2, $3, $4, '{}', 0, 0, false)";

const NAME_CUSTOMER: &str = "insert into customer (tenant, customer_id, email) values ($1, $2, $3)";

const NAME_ENTITY: &str =
    "insert into legal_entity (tenant, legal_entity_id, name) values ($1, $2, $2) on conflict do nothing";

async fn insert_names(connection: &mut PgConnection, tenant: &str, target: &Target, segment: &Segment) {
    if let Target::Customer(_, entity) = target
        && is_known(entity)
    {
        let insert = sqlx::query(NAME_ENTITY).bind(tenant).bind(entity);
        insert.execute(&mut *connection).await.expect("the entity can be stored");
    }
    if segment.status != Status::Active {
        return;
    }
    let name = json!(segment.name);
    let (statement, name) = match target {
        Target::Item(_, "PRODUCT", _) => (NAME_PRODUCT, Some(name)),
        Target::Item(..) => (NAME_CATEGORY, Some(name)),
        Target::Customer(..) => (NAME_CUSTOMER, None),
    };
    let id = match target {
        Target::Item(_, _, id) | Target::Customer(id, _) => id,
    };
    let insert = sqlx::query(statement).bind(tenant).bind(id).bind(&segment.site_code);
    let insert = if name.is_some() { insert.bind(name) } else { insert };
    insert.execute(connection).await.expect("the names can be stored");
}

/// The ids of the segments of a tenant that a query finds, in the order asked for.
pub async fn find(connection: &mut PgConnection, tenant: &str, query: &Query, sort: &str) -> Vec<String> {
    let mut sql = QueryBuilder::new("select s.segment_id from segment s where s.tenant = ");
    sql.push_bind(tenant.to_owned());
    sql::push_filter(&mut sql, Resource::Segment, query);
    Sort::parse(sort, Resource::Segment, "en").expect("a sort").push_order_by(&mut sql);
    run(connection, tenant, sql, query).await
}

/// The ids of the items or customers whose assignments a query finds, in the order asked for.
pub async fn find_assignments(
    connection: &mut PgConnection,
    tenant: &str,
    resource: Resource,
    query: &Query,
    sort: &str,
) -> Vec<String> {
    let mut sql = QueryBuilder::new(match resource {
        Resource::Item => "select a.item_id from live_item_assignment a where a.tenant = ",
        Resource::Customer => "select a.customer_id from live_customer_assignment a where a.tenant = ",
        Resource::Segment => panic!("a segment is no assignment"),
    });
    sql.push_bind(tenant.to_owned());
    sql::push_filter(&mut sql, resource, query);
    Sort::parse(sort, resource, "en").expect("a sort").push_order_by(&mut sql);
    run(connection, tenant, sql, query).await
}

async fn run(
    connection: &mut PgConnection,
    tenant: &str,
    mut sql: QueryBuilder<Postgres>,
    query: &Query,
) -> Vec<String> {
    become_reader(connection, tenant).await;
    let found = sql.build_query_scalar().persistent(false).fetch_all(&mut *connection).await;
    sqlx::query("reset role").execute(connection).await.expect("the owner again");
    found.unwrap_or_else(|error| panic!("{query}: {error}"))
}
