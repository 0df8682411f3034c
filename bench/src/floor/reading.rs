//! The floor of reads: a bare actix server with the SELECT of the query side, and nothing else. A process of its own, as the
//! service is one.

use std::str::FromStr as _;

use actix_web::{
    App, HttpResponse, HttpServer,
    error::{ErrorInternalServerError, ErrorNotFound},
    web::{Data, Path, get},
};
use sqlx::{
    PgPool,
    postgres::{PgConnectOptions, PgPoolOptions},
};

/// As many as the query side has.
const CONNECTIONS: u32 = 16;

/// Serves until it is told to stop; says `ready` and the address when it can be asked.
///
/// # Errors
/// When the database cannot be reached.
pub async fn serve(database_url: &str) -> anyhow::Result<()> {
    let options = PgConnectOptions::from_str(database_url)?.options([("search_path", "v1, public")]);
    let pool =
        PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false).connect_with(options).await?;
    let app = move || {
        let routes = App::new().app_data(Data::new(pool.clone()));
        routes.route("/{tenant}/segments", get().to(list)).route("/{tenant}/segments/{id}", get().to(one))
    };
    let server = HttpServer::new(app).bind("127.0.0.1:0")?;
    for address in server.addrs() {
        println!("ready http://{address}");
    }
    Ok(server.run().await?)
}

async fn one(pool: Data<PgPool>, path: Path<(String, String)>) -> actix_web::Result<HttpResponse> {
    let (tenant, id) = path.into_inner();
    let found: Option<(String, String, i64)> = sqlx::query_as(
        "select doc::text as doc, incarnation, version from segment where tenant = $1 and segment_id = $2",
    )
    .bind(tenant)
    .bind(id)
    .fetch_optional(&**pool)
    .await
    .map_err(ErrorInternalServerError)?;
    let (doc, incarnation, version) = found.ok_or_else(|| ErrorNotFound("no such segment"))?;
    let tag = format!("\"{incarnation}.{version}\"");
    Ok(HttpResponse::Ok().insert_header(("etag", tag)).content_type("application/json").body(doc))
}

async fn list(pool: Data<PgPool>, tenant: Path<String>) -> actix_web::Result<HttpResponse> {
    let rows: Vec<String> = sqlx::query_scalar(
        "select s.doc::text as doc from segment s where s.tenant = $1 order by s.segment_id limit 60",
    )
    .bind(tenant.into_inner())
    .fetch_all(&**pool)
    .await
    .map_err(ErrorInternalServerError)?;
    let body = format!("[{}]", rows.join(","));
    Ok(HttpResponse::Ok().content_type("application/json").body(body))
}
