//! The floor of writes over HTTP: a bare actix server that appends each body to an embedded log, and nothing else. A process of
//! its own, as the service is one.

use std::{
    path::Path,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
};

use actix_web::{
    App, HttpResponse, HttpServer,
    error::ErrorInternalServerError,
    web::{Bytes, Data, post},
};
use shared::{
    Clock as _, SystemClock,
    log::{
        EventLog as _, NewRecord, WriterName,
        local::{LocalLog, LocalWriter},
    },
};

use super::log::keyed;
use crate::{content, history::PARTITIONS};

/// Where requests may post to.
pub const PATH: &str = "/records";

struct Appending {
    log: LocalLog,
    template: NewRecord,
    appended: AtomicU64,
    /// Those that no request uses now; each stands for one append under way, so that the log can commit many at once.
    idle: Mutex<Vec<LocalWriter>>,
}

/// Serves until it is told to stop; says `ready` and the address when it can be asked.
///
/// # Errors
/// When the log cannot be opened.
pub async fn serve(file: &Path) -> anyhow::Result<()> {
    let log = LocalLog::open(file, PARTITIONS, Arc::new(SystemClock)).await?;
    let template = content::lone_record(0, SystemClock.now());
    let state = Data::new(Appending { log, template, appended: AtomicU64::new(0), idle: Mutex::default() });
    let app = move || App::new().app_data(state.clone()).route(PATH, post().to(append));
    let server = HttpServer::new(app).bind("127.0.0.1:0")?;
    for address in server.addrs() {
        println!("ready http://{address}");
    }
    Ok(server.run().await?)
}

async fn append(state: Data<Appending>, body: Bytes) -> actix_web::Result<HttpResponse> {
    let number = state.appended.fetch_add(1, Ordering::Relaxed);
    let idle = state.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
    let mut writer = match idle {
        Some(writer) => writer,
        None => {
            let name = WriterName(format!("bench.floor.{number}"));
            state.log.open_writer(&name).await.map_err(ErrorInternalServerError)?
        }
    };
    let record = NewRecord { value: body.to_vec(), ..state.template.clone() };
    let record = keyed(&record, number, PARTITIONS).map_err(ErrorInternalServerError)?;
    state.log.append(&mut writer, vec![record]).await.map_err(|doubt| ErrorInternalServerError(doubt.reason))?;
    state.idle.lock().unwrap_or_else(PoisonError::into_inner).push(writer);
    Ok(HttpResponse::Created().finish())
}
