//! What happens to what a segment holds: items and customers. Members stand in the order of their names, as they are
//! written.

use serde::{Deserialize, Serialize};

use crate::{
    document::{AssignmentType, Metadata, Mixins},
    ids::{CustomerId, CustomerRef, ItemId, ItemType, LegalEntityId, SegmentId},
};

/// A product or category was assigned to a segment, or its assignment was replaced.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemAssigned {
    /// Whether the assignment is new.
    pub created: bool,
    /// The item.
    pub item_id: ItemId,
    /// Product or category.
    pub item_type: ItemType,
    /// Version and times of the assignment.
    pub metadata: Metadata,
    /// Free-form members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixins: Option<Mixins>,
    /// The segment.
    pub segment_id: SegmentId,
}

/// A product or category is no longer assigned to a segment.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ItemUnassigned {
    /// The item.
    pub item_id: ItemId,
    /// Product or category.
    pub item_type: ItemType,
    /// The version of the assignment that was removed.
    pub last_version: u64,
    /// The segment.
    pub segment_id: SegmentId,
}

/// A customer was assigned to a segment, or the assignment was replaced. A customer has at most one assignment of its own,
/// and one for each legal entity.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerAssigned {
    /// How it came to be.
    pub assignment_type: AssignmentType,
    /// Whether the assignment is new.
    pub created: bool,
    /// Who it is about, as the log names customers; [`customer`](Self::customer) says who that is.
    pub customer_ref: CustomerId,
    /// The legal entity that the customer acts for; none where the customer acts for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity_id: Option<LegalEntityId>,
    /// Version and times of the assignment.
    pub metadata: Metadata,
    /// Free-form members.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mixins: Option<Mixins>,
    /// The segment.
    pub segment_id: SegmentId,
}

impl CustomerAssigned {
    /// The customer, and for whom they act.
    pub fn customer(&self) -> CustomerRef {
        customer(&self.customer_ref, self.legal_entity_id.as_ref())
    }
}

/// A customer is no longer assigned to a segment. Other assignments of the same customer stay.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CustomerUnassigned {
    /// Who it is about, as the log names customers; [`customer`](Self::customer) says who that is.
    pub customer_ref: CustomerId,
    /// The version of the assignment that was removed.
    pub last_version: u64,
    /// The legal entity that the customer acted for; none where the customer acted for itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal_entity_id: Option<LegalEntityId>,
    /// The segment.
    pub segment_id: SegmentId,
}

impl CustomerUnassigned {
    /// The customer, and for whom they acted.
    pub fn customer(&self) -> CustomerRef {
        customer(&self.customer_ref, self.legal_entity_id.as_ref())
    }
}

/// From the log's name of a customer to the customer. The log names customers by their ids; names that can be forgotten
/// would be resolved here.
fn customer(customer_ref: &CustomerId, legal_entity: Option<&LegalEntityId>) -> CustomerRef {
    CustomerRef { id: customer_ref.clone(), legal_entity: legal_entity.cloned() }
}
