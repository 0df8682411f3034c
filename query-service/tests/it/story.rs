//! Writes events as the command side does: announced, numbered and chained, each the outcome of an accepted command.

use std::{collections::BTreeMap, sync::Arc};

use serde_json::{Value, json};
use shared::{
    Timestamp,
    consistency::Positions,
    document::{AssignmentType, Metadata, Mixins, Segment},
    events::{
        Actor, AssignmentCounts, CommandStamp, CustomerAssigned, CustomerUnassigned, Envelope, Event, ItemAssigned,
        ItemUnassigned, PatchOperation, SegmentCreated, SegmentDeleted, SegmentPatched, SegmentReplaced, WriterStamp,
        WriterStarted, headers,
    },
    ids::{CustomerId, CustomerRef, ItemId, ItemRef, ItemType, LegalEntityId, SegmentId, SegmentKey, Tenant},
    log::{
        Acceptance, EventLog, NewRecord, Partition, Record, WriterName,
        memory::{MemLog, MemWriter},
        partition_of,
    },
};
use uuid::Uuid;

/// 2024-01-01T00:00:00Z.
const BEGINNING: i64 = 1_704_067_200_000;

/// A writer of a log in memory, and what it knows of the documents.
pub struct Story {
    log: MemLog,
    writer: MemWriter,
    parts: Vec<Acceptance>,
    now: i64,
    known: BTreeMap<SegmentKey, Known>,
    told: Vec<Told>,
}

/// An event that counts.
pub struct Told {
    pub tenant: Tenant,
    pub time: Timestamp,
    pub event: Event,
}

/// A live segment.
struct Known {
    metadata: Metadata,
    items: BTreeMap<ItemRef, Metadata>,
    customers: BTreeMap<CustomerRef, Metadata>,
}

impl Story {
    /// Announces itself for all partitions of an empty log.
    pub async fn begin(log: &MemLog) -> Self {
        let writer = log.open_writer(&WriterName("story".to_owned())).await.expect("the log answers");
        let partitions = log.partitions();
        let parts = (0..partitions).map(|number| Acceptance::new(Partition::new(number), partitions)).collect();
        let mut story =
            Self { log: log.clone(), writer, parts, now: BEGINNING, known: BTreeMap::new(), told: Vec::new() };
        story.announce().await;
        story
    }

    /// A new writer takes over all partitions.
    pub async fn announce(&mut self) {
        let mut batch = Vec::new();
        for part in &self.parts {
            let started = WriterStarted {
                writer_id: Uuid::now_v7(),
                after: part.last,
                transactional_id: "story".to_owned(),
                instance: "story".to_owned(),
                url: None,
                partition: part.partition,
                partitions: part.partitions,
                fold_version: 1,
                started_at: Timestamp::from_unix_millis(self.now),
            };
            batch.push((part.partition, started.to_record(Uuid::now_v7())));
        }
        self.append(batch).await;
    }

    /// Creates or replaces a segment. The body is the API's: `name`, `siteCode` and what else a test cares for.
    pub async fn put(&mut self, tenant: &str, id: &str, body: Value) -> Positions {
        let event = self.put_event(&key(tenant, id), body);
        self.tell(tenant, vec![event]).await
    }

    /// Like [`put`](Self::put) for many in one append.
    pub async fn put_all(&mut self, tenant: &str, segments: impl IntoIterator<Item = (String, Value)>) -> Positions {
        let events = segments.into_iter().map(|(id, body)| self.put_event(&key(tenant, &id), body)).collect();
        self.tell(tenant, events).await
    }

    /// Replaces these members, and gives all others their defaults.
    pub async fn patch(&mut self, tenant: &str, id: &str, body: Value) -> Positions {
        let members = body.as_object().expect("an object").clone();
        let add = |(name, value)| PatchOperation::Add { path: format!("/{name}"), value };
        let patch = members.into_iter().map(add).collect();
        let Event::SegmentReplaced(replaced) = self.put_event(&key(tenant, id), body) else {
            panic!("{id} does not exist")
        };
        let SegmentReplaced { segment, previous_version } = replaced;
        let event = Event::SegmentPatched(SegmentPatched { patch, segment, previous_version });
        self.tell(tenant, vec![event]).await
    }

    /// Deletes a segment with all its assignments.
    pub async fn delete(&mut self, tenant: &str, id: &str) -> Positions {
        let known = self.known.remove(&key(tenant, id)).expect("the segment exists");
        let event = Event::SegmentDeleted(SegmentDeleted {
            segment_id: segment_id(id),
            force: true,
            last_version: known.metadata.version,
            assignment_counts: AssignmentCounts {
                items: known.items.len() as u64,
                customers: known.customers.len() as u64,
            },
        });
        self.tell(tenant, vec![event]).await
    }

    /// Assigns items of one type, or replaces their assignments.
    pub async fn assign(
        &mut self,
        tenant: &str,
        id: &str,
        kind: ItemType,
        items: &[&str],
        mixins: Option<Value>,
    ) -> Positions {
        let key = key(tenant, id);
        let events = items.iter().map(|item| self.assign_event(&key, kind, item, mixins.clone())).collect();
        self.tell(tenant, events).await
    }

    /// Removes an assignment.
    pub async fn unassign(&mut self, tenant: &str, id: &str, kind: ItemType, item: &str) -> Positions {
        let known = self.known.get_mut(&key(tenant, id)).expect("the segment exists");
        let item = ItemRef { kind, id: ItemId::parse(item).expect("an item id") };
        let metadata = known.items.remove(&item).expect("the assignment exists");
        let event = Event::ItemUnassigned(ItemUnassigned {
            segment_id: segment_id(id),
            item_type: kind,
            item_id: item.id,
            last_version: metadata.version,
        });
        self.tell(tenant, vec![event]).await
    }

    /// Assigns customers, each `id` or `id/legal entity`, or replaces their assignments.
    pub async fn join(&mut self, tenant: &str, id: &str, customers: &[&str], mixins: Option<Value>) -> Positions {
        let key = key(tenant, id);
        let events = customers.iter().map(|name| self.join_event(&key, customer(name), mixins.clone())).collect();
        self.tell(tenant, events).await
    }

    /// Removes the assignment of a customer, named as in [`join`](Self::join).
    pub async fn leave(&mut self, tenant: &str, id: &str, name: &str) -> Positions {
        let known = self.known.get_mut(&key(tenant, id)).expect("the segment exists");
        let customer = customer(name);
        let metadata = known.customers.remove(&customer).expect("the assignment exists");
        let event = Event::CustomerUnassigned(CustomerUnassigned {
            segment_id: segment_id(id),
            customer_ref: customer.id,
            legal_entity_id: customer.legal_entity,
            last_version: metadata.version,
        });
        self.tell(tenant, vec![event]).await
    }

    /// A record that nobody could have written: its chain does not fit.
    pub async fn forge(&mut self, tenant: &str, id: &str) -> Partition {
        let key = key(tenant, id);
        let partition = partition_of(&key, self.log.partitions());
        let part = self.parts[partition.index()].clone();
        let event = self.put_event(&key, json!({ "name": { "en": "forged" } }));
        let mut record = self.seal(partition, &key.tenant, event);
        record.value.push(b' ');
        self.parts[partition.index()] = part;
        self.append(vec![(partition, record)]).await;
        partition
    }

    /// A record of a writer that nobody announced: it does not count.
    pub async fn stray(&mut self, tenant: &str, id: &str) {
        let key = key(tenant, id);
        let partition = partition_of(&key, self.log.partitions());
        let (part, known) = (self.parts[partition.index()].clone(), self.known.remove(&key));
        let event = self.put_event(&key, json!({ "name": { "en": "stray" } }));
        let mut record = self.seal(partition, &key.tenant, event);
        record.headers.set(headers::WRITER_ID, Uuid::now_v7());
        self.parts[partition.index()] = part;
        self.known.remove(&key);
        self.known.extend(known.map(|known| (key, known)));
        self.append(vec![(partition, record)]).await;
    }

    /// What the views must hold: `tenant/segment version`, `tenant/segment TYPE item version` and
    /// `tenant/segment customer/entity version`, sorted.
    pub fn summary(&self) -> Vec<String> {
        let mut lines = Vec::new();
        for (key, known) in &self.known {
            lines.push(format!("{key} {}", known.metadata.version));
            let items = known.items.iter();
            lines.extend(items.map(|(item, metadata)| format!("{key} {} {} {}", item.kind, item.id, metadata.version)));
            let customers = known.customers.iter();
            lines
                .extend(customers.map(|(customer, metadata)| format!("{key} {} {}", name(customer), metadata.version)));
        }
        lines.sort();
        lines
    }

    /// Everything that happened, in order.
    pub fn told(&self) -> &[Told] {
        &self.told
    }

    /// The items that are assigned, if the segment exists.
    pub fn items_of(&self, tenant: &str, id: &str) -> Option<Vec<ItemRef>> {
        self.known.get(&key(tenant, id)).map(|known| known.items.keys().cloned().collect())
    }

    /// The customers that are assigned, named as in [`join`](Self::join), if the segment exists.
    pub fn customers_of(&self, tenant: &str, id: &str) -> Option<Vec<String>> {
        let named = |customer: &CustomerRef| name(customer).trim_end_matches('/').to_owned();
        self.known.get(&key(tenant, id)).map(|known| known.customers.keys().map(named).collect())
    }

    /// Where everything about a segment lies.
    pub fn partition_of(&self, tenant: &str, id: &str) -> Partition {
        partition_of(&key(tenant, id), self.log.partitions())
    }

    /// What a reader of everything knows of a partition.
    pub fn acceptance(&self, partition: Partition) -> Acceptance {
        self.parts[partition.index()].clone()
    }

    /// Behind everything that was told.
    pub async fn end(&self) -> Positions {
        let next = self.parts.iter().map(|part| (part.partition, part.next_offset()));
        next.collect()
    }

    fn put_event(&mut self, key: &SegmentKey, body: Value) -> Event {
        self.now += 1;
        let now = Timestamp::from_unix_millis(self.now);
        let known = self.known.get(key);
        let previous = known.map(|known| known.metadata.clone());
        let mut metadata = next_version(previous.as_ref(), now);
        metadata.mixins = body["metadata"]["mixins"].as_object().cloned();
        let mut document = json!({ "status": "INACTIVE", "siteCode": "main" });
        let members = document.as_object_mut().expect("an object");
        members.extend(body.as_object().expect("an object").clone());
        members.insert("id".to_owned(), json!(key.id));
        members.insert("metadata".to_owned(), json!(metadata));
        let segment: Arc<Segment> = serde_json::from_value(document).expect("a segment");
        let (items, customers) = self.known.remove(key).map(|known| (known.items, known.customers)).unwrap_or_default();
        self.known.insert(key.clone(), Known { metadata, items, customers });
        match previous {
            None => Event::SegmentCreated(SegmentCreated { segment }),
            Some(previous) => Event::SegmentReplaced(SegmentReplaced { segment, previous_version: previous.version }),
        }
    }

    fn assign_event(&mut self, key: &SegmentKey, kind: ItemType, item: &str, mixins: Option<Value>) -> Event {
        self.now += 1;
        let now = Timestamp::from_unix_millis(self.now);
        let known = self.known.get_mut(key).expect("the segment exists");
        let item = ItemRef { kind, id: ItemId::parse(item).expect("an item id") };
        let metadata = next_version(known.items.get(&item), now);
        let created = known.items.insert(item.clone(), metadata.clone()).is_none();
        let mixins: Option<Mixins> = mixins.map(|mixins| mixins.as_object().expect("an object").clone());
        Event::ItemAssigned(ItemAssigned {
            segment_id: key.id.clone(),
            item_type: kind,
            item_id: item.id,
            mixins,
            metadata,
            created,
        })
    }

    fn join_event(&mut self, key: &SegmentKey, customer: CustomerRef, mixins: Option<Value>) -> Event {
        self.now += 1;
        let now = Timestamp::from_unix_millis(self.now);
        let known = self.known.get_mut(key).expect("the segment exists");
        let metadata = next_version(known.customers.get(&customer), now);
        let created = known.customers.insert(customer.clone(), metadata.clone()).is_none();
        Event::CustomerAssigned(CustomerAssigned {
            segment_id: key.id.clone(),
            customer_ref: customer.id,
            legal_entity_id: customer.legal_entity,
            assignment_type: AssignmentType::Manual,
            mixins: mixins.map(|mixins| mixins.as_object().expect("an object").clone()),
            metadata,
            created,
        })
    }

    /// Appends events; returns the token that the writes would answer with.
    async fn tell(&mut self, tenant: &str, events: Vec<Event>) -> Positions {
        let tenant = Tenant::parse(tenant).expect("a tenant");
        let mut batch = Vec::new();
        let mut positions = Positions::default();
        for event in events {
            let partition =
                partition_of(&SegmentKey::new(tenant.clone(), event.segment_id().clone()), self.log.partitions());
            let record = self.seal(partition, &tenant, event.clone());
            batch.push((partition, record));
            self.told.push(Told { tenant: tenant.clone(), time: self.time_of(&event), event });
        }
        let touched: Vec<Partition> = batch.iter().map(|(partition, _)| *partition).collect();
        self.append(batch).await;
        for partition in touched {
            positions.merge(&Positions::at(partition, self.parts[partition.index()].next_offset()));
        }
        positions
    }

    /// Seals on top of what the partition holds, and takes the record as accepted at once, so that the next fits on it.
    fn seal(&mut self, partition: Partition, tenant: &Tenant, event: Event) -> NewRecord {
        let time = self.time_of(&event);
        let part = &mut self.parts[partition.index()];
        let envelope = Envelope {
            id: Uuid::now_v7(),
            tenant: tenant.clone(),
            time,
            sequence: 1,
            actor: Actor("client:story".to_owned()),
            command: CommandStamp { id: Uuid::now_v7(), hash: blake3_of(&event) },
            correlation_id: None,
            causation_id: None,
            trace_parent: None,
            trace_state: None,
            event,
        };
        let writer_id = part.writer.as_ref().expect("announced").id;
        let record = envelope.seal(WriterStamp { writer_id, pseq: part.pseq + 1, previous: &part.chain });
        let at = part.offset.expect("announced");
        let placed = Record::placed(record.clone(), partition, at, envelope.time);
        assert_eq!(part.step(&placed), shared::log::Verdict::Accepted);
        record
    }

    /// What leaves something says when it did; what ends something happens in the moment of what came before.
    fn time_of(&self, event: &Event) -> Timestamp {
        match event {
            Event::SegmentCreated(event) => event.segment.metadata.modified_at,
            Event::SegmentReplaced(event) => event.segment.metadata.modified_at,
            Event::SegmentPatched(event) => event.segment.metadata.modified_at,
            Event::ItemAssigned(event) => event.metadata.modified_at,
            Event::CustomerAssigned(event) => event.metadata.modified_at,
            Event::SegmentDeleted(_) | Event::ItemUnassigned(_) | Event::CustomerUnassigned(_) => {
                Timestamp::from_unix_millis(self.now)
            }
        }
    }

    /// Appends, and counts the offsets as the log does: a batch takes the next ones, and markers of transactions one more.
    async fn append(&mut self, batch: Vec<(Partition, NewRecord)>) {
        let records = batch.clone();
        self.log.append(&mut self.writer, batch).await.expect("the log takes it");
        let mut ends: Vec<i64> =
            self.parts.iter().map(|part| part.offset.map_or(0, |last| self.log.end_after(last))).collect();
        for (partition, record) in records {
            let (part, end) = (&mut self.parts[partition.index()], &mut ends[partition.index()]);
            let placed = Record::placed(record, partition, *end, Timestamp::from_unix_millis(self.now));
            // Events were accepted when they were sealed; announcements are now.
            if placed.key.is_none() {
                part.step(&placed);
            }
            part.offset = Some(*end);
            *end += 1;
        }
    }
}

fn next_version(previous: Option<&Metadata>, now: Timestamp) -> Metadata {
    let (version, created_at) = previous.map_or((1, now), |previous| (previous.version + 1, previous.created_at));
    Metadata { version, created_at, modified_at: now, mixins: None }
}

/// From `id` or `id/legal entity`.
fn customer(name: &str) -> CustomerRef {
    let (id, legal_entity) = name.split_once('/').map_or((name, None), |(id, entity)| (id, Some(entity)));
    CustomerRef {
        id: CustomerId::parse(id).expect("a customer id"),
        legal_entity: legal_entity.map(|id| LegalEntityId::parse(id).expect("a legal entity id")),
    }
}

/// `id/legal entity`, or `id/`.
fn name(customer: &CustomerRef) -> String {
    format!("{}/{}", customer.id, customer.legal_entity.as_ref().map_or("", LegalEntityId::as_str))
}

fn blake3_of(event: &Event) -> blake3::Hash {
    blake3::hash(&event.to_json())
}

fn key(tenant: &str, id: &str) -> SegmentKey {
    SegmentKey::new(Tenant::parse(tenant).expect("a tenant"), segment_id(id))
}

fn segment_id(id: &str) -> SegmentId {
    SegmentId::parse(id).expect("a segment id")
}
