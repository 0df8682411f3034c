//! The floor of matches from memory: a bare actix server that reads the question and answers every other product of it, and
//! nothing else: no token, no tenant, no index. A process of its own, as the service is one.

use std::fmt::Write as _;

use actix_web::{
    App, HttpResponse, HttpServer,
    error::{ErrorBadRequest, ErrorInternalServerError},
    web::{Bytes, post},
};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Question<'b> {
    #[serde(borrow)]
    items: Vec<Named<'b>>,
    #[serde(borrow)]
    segment_ids: Vec<&'b str>,
    site: &'b str,
}

#[derive(Deserialize)]
struct Named<'b> {
    id: &'b str,
}

/// Serves until it is told to stop; says `ready` and the address when it can be asked.
///
/// # Errors
/// When there is no port.
pub async fn serve() -> anyhow::Result<()> {
    let app = || App::new().route("/{service}/{tenant}/segments/match", post().to(answer));
    let server = HttpServer::new(app).bind("127.0.0.1:0")?;
    for address in server.addrs() {
        println!("ready http://{address}");
    }
    Ok(server.run().await?)
}

async fn answer(body: Bytes) -> actix_web::Result<HttpResponse> {
    let Question { items, segment_ids, site } = serde_json::from_slice(&body).map_err(ErrorBadRequest)?;
    if segment_ids.is_empty() || site.is_empty() {
        return Err(ErrorBadRequest("nothing is asked"));
    }
    let mut answer = String::with_capacity(body.len());
    for (place, item) in items.iter().step_by(2).enumerate() {
        let comma = if place == 0 { "[" } else { "," };
        write!(answer, r#"{comma}{{"id":"{}"}}"#, item.id).map_err(ErrorInternalServerError)?;
    }
    answer.push(']');
    Ok(HttpResponse::Ok().content_type("application/json").body(answer))
}
