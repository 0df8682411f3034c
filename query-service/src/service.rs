//! The query side put together: views, projector, and what the handlers need. Its own program and the all-in-one both begin
//! here. [`keeper`] goes on with it as versions of the views come and go.

mod keeper;

use std::{future::Future, sync::Arc};

use shared::{clock::SharedClock, consistency::Acknowledged, log::EventLog, reference::ReferenceLog};
use tokio::{runtime::Handle, task::JoinSet};

pub use self::keeper::describe;
use self::keeper::{Followed, Keeper, Read};
use crate::{
    feed::Feed,
    http::App,
    index::{Follower, Index, Shadow, Share},
    present::Present,
    projector::{Health, Options},
    views::{self, Database, OpenError},
};

/// What may be set about the query side.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Where the views are.
    pub database: Database,
    /// How this process projects; none: it leaves that to others.
    pub projector: Option<Options>,
    /// The language of texts that are not there in the one asked for.
    pub default_language: String,
    /// Whether segments outside their validity are hidden from their customers, and match nothing.
    pub enforce_validity: bool,
    /// Whether products match through categories above their own.
    pub match_descendants: bool,
    /// Whether matches are answered from memory, once everything is read.
    pub match_index: bool,
    /// The share of these answers that is compared with the views.
    pub match_shadow: Share,
    /// The most streams of events at once.
    pub event_streams: usize,
}

/// The query side, ready to be served.
#[derive(Debug)]
pub struct Service<L, W> {
    /// For [`crate::http::routes`].
    pub app: Present<App>,
    /// For [`crate::http::routes`] too.
    pub feed: Feed<L>,
    /// For readiness: how the views are that requests are answered from.
    pub health: Present<Health>,
    /// To be polled as long as the service runs; it never ends by itself and can be dropped at any time.
    pub work: W,
}

/// Opens the views of a log and of the reference data. `acknowledged` is what the command side of the same process has
/// answered, if it has one. What makes the views runs in `background`.
///
/// # Errors
/// When the database cannot be reached, or its tables cannot be made.
pub async fn open<L: EventLog, R: ReferenceLog>(
    log: L,
    reference: R,
    settings: &Settings,
    acknowledged: Option<Acknowledged>,
    clock: SharedClock,
    background: &Handle,
) -> Result<Service<L, impl Future<Output = ()> + Send + use<L, R>>, OpenError> {
    let (keeper, version, Followed { progress, health, .. }) =
        Keeper::begin(log.clone(), reference.clone(), settings, Arc::clone(&clock), background.clone()).await?;
    let reader = views::reader(&settings.database, version, progress.clone()).await?;
    let feed = Feed::new(log.clone(), settings.event_streams);
    let index = settings.match_index.then(|| Index::new(log.partitions(), reference.partitions()));
    let follower = index.clone().map(|index| Follower::new(index, log, reference, health.clone()).run());
    let app = App {
        reader,
        progress,
        acknowledged,
        clock,
        default_language: settings.default_language.clone(),
        enforce_validity: settings.enforce_validity,
        match_descendants: settings.match_descendants,
        index,
        shadow: Shadow::of(settings.match_shadow),
    };
    let (app, health) = (Present::new(app), Present::new(health));
    let read = Read { version, app: app.clone(), health: health.clone() };
    let background = background.clone();
    let work = async move {
        // A task of its own, since it has much to do for a while. It ends with this, and by itself only by a fault.
        let mut following = JoinSet::new();
        follower.map(|follower| following.spawn_on(follower, &background));
        tokio::select! {
            () = keeper.run(read) => {}
            Some(ended) = following.join_next() => tracing::error!(?ended, "the task of the match index died"),
        }
    };
    Ok(Service { app, feed, health, work })
}
