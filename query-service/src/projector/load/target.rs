//! The tables that a log is copied into, and what is left to do when all of it is there.

use crate::projector::copying::{self, Table};

/// A table. The last four are there for as long as it takes: they name rows of others that do not last, or are put in order later.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Target {
    Segments,
    History,
    Items,
    PastItems,
    Customers,
    PastCustomers,
    OverSegments,
    OverItems,
    OverCustomers,
    NewMetadataTexts,
}

/// Nothing was ever written to these tables. Those that are emptied in the same transaction are filled without a log of it, where
/// the server allows that, and as if their rows had always been there.
pub const BEGIN: &str = "
    truncate segment, segment_history, item_assignment, past_item_assignment, customer_assignment, past_customer_assignment,
        metadata_text;
    create temporary table over_segment (
        tenant text collate \"C\", segment_id text collate \"C\", incarnation text collate \"C\", version bigint
    ) on commit drop;
    create temporary table over_item (partition smallint, log_offset bigint, ended_at timestamptz) on commit drop;
    create temporary table over_customer (partition smallint, log_offset bigint, ended_at timestamptz) on commit drop;
    create temporary table new_metadata_text (tenant text collate \"C\", text text collate \"C\") on commit drop";

const SETTLE_SEGMENTS: &str = "
    delete from segment row using over_segment over_
    where row.tenant = over_.tenant and row.segment_id = over_.segment_id
      and row.incarnation = over_.incarnation and row.version = over_.version";

const SETTLE_ITEMS: &str = "
    with gone as (
        delete from item_assignment row using over_item over_
        where row.partition = over_.partition and row.log_offset = over_.log_offset
        returning row.tenant, row.segment_id, row.log_offset, row.type, row.item_id, row.version, row.created_at, row.modified_at,
            over_.ended_at, row.mixins, row.metadata_mixins, row.search
    )
    insert into past_item_assignment (tenant, segment_id, log_offset, type, item_id, version, created_at, modified_at, ended_at,
        mixins, metadata_mixins, search)
    select * from gone";

const SETTLE_CUSTOMERS: &str = "
    with gone as (
        delete from customer_assignment row using over_customer over_
        where row.partition = over_.partition and row.log_offset = over_.log_offset
        returning row.tenant, row.segment_id, row.log_offset, row.customer_id, row.legal_entity_id, row.version, row.created_at,
            row.modified_at, over_.ended_at, row.assignment_type, row.mixins, row.metadata_mixins, row.search
    )
    insert into past_customer_assignment (tenant, segment_id, log_offset, customer_id, legal_entity_id, version, created_at,
        modified_at, ended_at, assignment_type, mixins, metadata_mixins, search)
    select * from gone";

const SETTLE_METADATA_TEXTS: &str =
    "insert into metadata_text (tenant, text) select distinct tenant, text from new_metadata_text";

impl Target {
    /// In the order of their numbers.
    pub const ALL: [Self; 10] = [
        Self::Segments,
        Self::History,
        Self::Items,
        Self::PastItems,
        Self::Customers,
        Self::PastCustomers,
        Self::OverSegments,
        Self::OverItems,
        Self::OverCustomers,
        Self::NewMetadataTexts,
    ];

    /// Its name.
    pub fn name(self) -> &'static str {
        self.table().name
    }

    /// The statement that takes rows.
    pub fn copy(self) -> String {
        self.table().statement("format binary, freeze")
    }

    fn table(self) -> Table {
        let (name, columns) = match self {
            Self::Segments => return copying::SEGMENTS,
            Self::History => return copying::HISTORY,
            Self::Items => (
                "item_assignment",
                "tenant, segment_id, type, item_id, log_offset, version, created_at, modified_at, mixins, metadata_mixins, search,
                 partition, incarnation",
            ),
            Self::PastItems => (
                "past_item_assignment",
                "tenant, segment_id, type, item_id, log_offset, version, created_at, modified_at, mixins, metadata_mixins, search,
                 ended_at",
            ),
            Self::Customers => (
                "customer_assignment",
                "tenant, segment_id, customer_id, legal_entity_id, log_offset, version, created_at, modified_at, mixins,
                 metadata_mixins, search, assignment_type, partition, incarnation",
            ),
            Self::PastCustomers => (
                "past_customer_assignment",
                "tenant, segment_id, customer_id, legal_entity_id, log_offset, version, created_at, modified_at, mixins,
                 metadata_mixins, search, assignment_type, ended_at",
            ),
            Self::OverSegments => ("over_segment", "tenant, segment_id, incarnation, version"),
            Self::OverItems => ("over_item", "partition, log_offset, ended_at"),
            Self::OverCustomers => ("over_customer", "partition, log_offset, ended_at"),
            Self::NewMetadataTexts => ("new_metadata_text", "tenant, text"),
        };
        Table { name, columns }
    }

    /// What follows from its rows, and the table that loses so many, if one does.
    pub fn settlement(self) -> Option<(&'static str, Option<Self>)> {
        match self {
            Self::OverSegments => Some((SETTLE_SEGMENTS, Some(Self::Segments))),
            Self::OverItems => Some((SETTLE_ITEMS, Some(Self::Items))),
            Self::OverCustomers => Some((SETTLE_CUSTOMERS, Some(Self::Customers))),
            Self::NewMetadataTexts => Some((SETTLE_METADATA_TEXTS, None)),
            Self::Segments | Self::History | Self::Items | Self::PastItems | Self::Customers | Self::PastCustomers => {
                None
            }
        }
    }
}
