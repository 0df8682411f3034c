//! One client: chooses commands, sends them, notes the answers.

use std::{collections::HashMap, sync::Arc, time::Duration};

use rand::{Rng as _, SeedableRng as _, rngs::SmallRng, seq::IndexedRandom as _};
use reqwest::{Response, header::HeaderMap};
use shared::consistency::CONSISTENCY_TOKEN;
use tokio::{sync::watch, time::sleep};

use super::{Pulse, TENANTS};
use crate::{
    history::{Answer, Ask, Attempt, Kind, Marker, Outcome},
    tokens::Tokens,
};

/// Segments that belong to a client, in one tenant.
const OWN_SEGMENTS: u32 = 5;
/// Segments that all clients of a tenant share.
const SHARED_SEGMENTS: u32 = 6;
/// What is assigned to segments.
const PLACES: [&str; 6] = [
    "items/PRODUCT/p0",
    "items/PRODUCT/p1",
    "items/CATEGORY/p0",
    "customers/p0",
    "customers/p0/le1",
    "customers/p1/le1",
];
/// The longest pause between two commands.
const PACE_MILLIS: u64 = 8;
/// The pause before the next attempt, and after a command that failed.
const PAUSE: Duration = Duration::from_millis(60);
/// How long an answer may take. Half of the clients hear even what a program says that was stopped for a while, the others
/// give up before and try elsewhere.
const PATIENCE: [Duration; 2] = [Duration::from_secs(45), Duration::from_secs(3)];

/// See the module.
pub struct Client {
    number: u32,
    commands: u32,
    origins: Arc<[Arc<str>]>,
    tokens: watch::Receiver<Tokens>,
    pulse: Arc<Pulse>,
    last_commands: watch::Receiver<bool>,
    http: reqwest::Client,
    random: SmallRng,
    /// The latest tag of each segment that this client was told.
    tags: HashMap<(String, String), String>,
    attempts: Vec<Attempt>,
}

impl Client {
    /// Makes a client; it does nothing yet.
    pub fn new(
        number: u32,
        origins: Arc<[Arc<str>]>,
        tokens: watch::Receiver<Tokens>,
        pulse: Arc<Pulse>,
        last_commands: watch::Receiver<bool>,
    ) -> anyhow::Result<Self> {
        let http = reqwest::Client::builder().no_proxy().timeout(PATIENCE[(number / 4) as usize % 2]).build()?;
        let random = SmallRng::from_os_rng();
        let (tags, attempts) = (HashMap::new(), Vec::new());
        Ok(Self { number, commands: 0, origins, tokens, pulse, last_commands, http, random, tags, attempts })
    }

    /// Writes until it is told to stop, and then until it knows what became of its last command.
    pub async fn run(mut self) -> Vec<Attempt> {
        while !*self.last_commands.borrow() {
            let ask = Arc::new(self.choose());
            self.execute(ask).await;
            let pause = self.random.random_range(0..=PACE_MILLIS);
            sleep(Duration::from_millis(pause)).await;
        }
        self.attempts
    }

    async fn execute(&mut self, ask: Arc<Ask>) {
        self.commands += 1;
        for attempt in 0.. {
            let marker = Marker { client: self.number, number: self.commands, attempt };
            let noted = self.attempt(marker, &ask).await;
            self.pulse.note(&noted);
            let is_open = noted.outcome.is_not_executed() || noted.outcome.is_unknown();
            self.learn(&noted);
            self.attempts.push(noted);
            if !is_open {
                return;
            }
            sleep(PAUSE).await;
            if !ask.keyed {
                return;
            }
        }
    }

    async fn attempt(&self, marker: Marker, ask: &Arc<Ask>) -> Attempt {
        let origin = self.origins[(self.number / 2 + marker.attempt) as usize % self.origins.len()].clone();
        let (method, path, body) = ask.request(&marker.command());
        let token = self.tokens.borrow().get(&ask.tenant).cloned().unwrap_or_default();
        let mut request = self.http.request(method, format!("{origin}/customer-segment/{}/{path}", ask.tenant));
        request = request.bearer_auth(token).header("X-Correlation-ID", marker.to_string());
        if ask.keyed {
            request = request.header("Idempotency-Key", marker.command());
        }
        if let Kind::Put { if_match: Some(tag), .. } = &ask.kind {
            request = request.header("If-Match", tag);
        }
        if let Some(body) = body {
            request = request.json(&body);
        }
        let invoked = self.pulse.now();
        let outcome = match request.send().await {
            Ok(response) => read(response).await,
            Err(error) if error.is_connect() => Outcome::NotSent,
            Err(error) => Outcome::Lost(format!("{error:?}")),
        };
        Attempt { marker, ask: ask.clone(), origin, invoked, answered: self.pulse.now(), outcome }
    }

    /// Remembers the tag of a document, for later commands under a condition.
    fn learn(&mut self, attempt: &Attempt) {
        let tag = attempt.outcome.answer().and_then(|answer| answer.etag.clone());
        if let (Some(id), Some(tag)) = (&attempt.ask.id, tag)
            && matches!(attempt.ask.kind, Kind::Create | Kind::Put { .. } | Kind::Patch)
        {
            self.tags.insert((attempt.ask.tenant.clone(), id.clone()), tag);
        }
    }

    fn choose(&mut self) -> Ask {
        let tenant = TENANTS.choose(&mut self.random).copied().unwrap_or(TENANTS[0]).to_owned();
        let id = match self.random.random_bool(0.4) {
            true => format!("shared-{}", self.random.random_range(0..SHARED_SEGMENTS)),
            false => format!("own-{}-{}", self.number, self.random.random_range(0..OWN_SEGMENTS)),
        };
        let tag = self.tags.get(&(tenant.clone(), id.clone())).cloned();
        let place = PLACES.choose(&mut self.random).copied().unwrap_or(PLACES[0]).to_owned();
        let plain = Kind::Put { version: None, if_match: None };
        let kind = match self.random.random_range(0..100) {
            0..18 => Kind::Create,
            18..36 => plain,
            36..48 => {
                tag.as_deref().and_then(version_of).map_or(plain, |it| Kind::Put { version: Some(it), if_match: None })
            }
            48..56 => tag.map_or(plain, |tag| Kind::Put { version: None, if_match: Some(tag) }),
            56..72 => Kind::Patch,
            72..77 => Kind::Delete { force: self.random.random_bool(0.5) },
            77..92 => Kind::Assign(place),
            _ => Kind::Unassign(place),
        };
        let is_nameless = kind == Kind::Create && self.random.random_bool(0.1);
        // The even clients send keys.
        Ask { tenant, id: (!is_nameless).then_some(id), kind, keyed: self.number.is_multiple_of(2) }
    }
}

/// `"<incarnation>.<version>"`.
fn version_of(tag: &str) -> Option<u64> {
    tag.trim_matches('"').split_once('.')?.1.parse().ok()
}

/// An answer that breaks off is none.
async fn read(response: Response) -> Outcome {
    let status = response.status().as_u16();
    let headers = response.headers().clone();
    match response.text().await {
        Ok(body) => {
            let token = text(&headers, CONSISTENCY_TOKEN).and_then(|token| token.parse().ok());
            let replayed = text(&headers, "Idempotency-Replayed").as_deref() == Some("true");
            Outcome::Answer(Answer { status, etag: text(&headers, "ETag"), token, replayed, body })
        }
        Err(error) => Outcome::Lost(format!("status {status}, then {error:?}")),
    }
}

fn text(headers: &HeaderMap, name: &str) -> Option<String> {
    Some(headers.get(name)?.to_str().ok()?.to_owned())
}
