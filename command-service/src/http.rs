//! The HTTP side of commands: every write of the API, from its request to its answer.
//!
//! A handler extracts, builds a command, submits it, and maps the outcome. What all writes have in common is in
//! `headers.rs` (what the headers ask for), `answer.rs` (success) and `error.rs` (everything else).
//!
//! A new write: its line in [`routes`], its handler in the file of its resource.

mod answer;
mod assignments;
mod bulk;
mod customers;
mod error;
mod headers;
mod items;
mod reference;
mod segments;

use std::{sync::Arc, time::Duration};

use shared::{
    consistency::Acknowledged,
    http::{Auth, Call, Operation, Router, health::Check},
};
use tokio::time::timeout;

use crate::{
    reference::ReferenceWriter,
    writer::{Answer, Failure, Request, WriterHandle},
};

/// What the writes of the API are configured with.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The `index` of the first result of a bulk: 1, as the platform documents it for segments, or 0.
    pub index_base: u64,
    /// The language of plain texts in requests that do not name one.
    pub default_language: String,
    /// How long the writer may take to answer; then the outcome is unknown.
    pub answer_within: Duration,
}

impl Default for Settings {
    fn default() -> Self {
        // The writer answers within its own deadline of 5 s; one second more, and something is wrong with it.
        Self { index_base: 1, default_language: "en".to_owned(), answer_within: Duration::from_secs(6) }
    }
}

/// What handlers work with.
#[derive(Debug)]
pub struct App {
    writer: WriterHandle,
    reference: ReferenceWriter,
    settings: Settings,
    acknowledged: Option<Acknowledged>,
}

impl App {
    /// `acknowledged` is told every answered write, for reads that are served by the same process.
    pub fn new(
        writer: WriterHandle,
        reference: ReferenceWriter,
        settings: Settings,
        acknowledged: Option<Acknowledged>,
    ) -> Arc<Self> {
        Arc::new(Self { writer, reference, settings, acknowledged })
    }

    /// Submits a command now and waits for its answer in the returned future.
    fn execute(&self, call: &Call, request: Request) -> impl Future<Output = Result<Answer, Failure>> + use<> {
        let command_id = request.stamp.id;
        let answer = timeout(self.settings.answer_within, self.writer.submit(request));
        let tell = self.acknowledged.clone().map(|acknowledged| (acknowledged, call.tenant.clone()));
        async move {
            let result = answer.await.unwrap_or(Err(Failure::OutcomeUnknown { command_id }));
            if let (Ok(answer), Some((acknowledged, tenant))) = (&result, tell) {
                acknowledged.record(&tenant, &answer.positions());
            }
            result
        }
    }
}

/// What must be there before writes can be served.
pub fn checks(writer: &WriterHandle, auth: &Auth) -> Vec<Check> {
    vec![Check::new("writer", writer.is_ready()), Check::new("token-keys", auth.is_ready())]
}

/// Adds every write to the router.
pub fn routes(router: Router, app: &Arc<App>) -> Router {
    router
        .on(Operation::CreateSegment, app, segments::create)
        .on(Operation::PutSegment, app, segments::put)
        .on(Operation::PatchSegment, app, segments::patch)
        .on(Operation::DeleteSegment, app, segments::delete)
        .on(Operation::BulkCreateSegments, app, segments::bulk_create)
        .on(Operation::BulkPutSegments, app, segments::bulk_put)
        .on(Operation::BulkDeleteSegments, app, segments::bulk_delete)
        .on(Operation::PutItem, app, items::put)
        .on(Operation::DeleteItem, app, items::delete)
        .on(Operation::BulkPutItems, app, items::bulk_put)
        .on(Operation::BulkDeleteItems, app, items::bulk_delete)
        .on(Operation::PutCustomer, app, customers::put)
        .on(Operation::DeleteCustomer, app, customers::delete)
        .on(Operation::PutCustomerOfLegalEntity, app, customers::put)
        .on(Operation::DeleteCustomerOfLegalEntity, app, customers::delete)
        .on(Operation::BulkPutCustomers, app, customers::bulk_put)
        .on(Operation::BulkDeleteCustomers, app, customers::bulk_delete)
        .on(Operation::BulkPutReference, app, reference::bulk_put)
        .on(Operation::BulkDeleteReference, app, reference::bulk_delete)
}
