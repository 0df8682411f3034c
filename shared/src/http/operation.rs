//! The operations of the API: name, method, path and scopes of each, in one table.
//!
//! Both services know the whole table, so that a wrong method answers the same wherever it arrives.
//! A new operation: a variant, its line in [`Operation::spec`], its path in `path.rs` if that is new too; then a handler
//! in the table of the service that executes it.

use super::{
    past::{AS_OF, VERSION},
    path::PathTemplate,
    query::Query,
    scope::{Scope, Scopes},
};

/// The methods of the API.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "named as HTTP names them")]
pub enum Method {
    Get,
    Post,
    Put,
    Patch,
    Delete,
}

impl Method {
    /// The method with this name; HTTP's methods are case-sensitive.
    pub fn parse(name: &str) -> Option<Self> {
        Some(match name {
            "GET" => Self::Get,
            "POST" => Self::Post,
            "PUT" => Self::Put,
            "PATCH" => Self::Patch,
            "DELETE" => Self::Delete,
            _ => return None,
        })
    }

    /// Its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// What a client can ask for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`spec` says what each stands for")]
pub enum Operation {
    ListSegments,
    CreateSegment,
    BulkCreateSegments,
    BulkPutSegments,
    BulkDeleteSegments,
    SearchSegments,
    MatchItems,
    ListItems,
    ListCategoryTrees,
    GetSegment,
    PutSegment,
    PatchSegment,
    DeleteSegment,
    ListSegmentHistory,
    DiffSegment,
    ListSegmentItems,
    SearchSegmentItems,
    BulkPutItems,
    BulkDeleteItems,
    GetItem,
    PutItem,
    DeleteItem,
    ListMySegments,
    ListSegmentCustomers,
    SearchSegmentCustomers,
    BulkPutCustomers,
    BulkDeleteCustomers,
    GetCustomer,
    PutCustomer,
    DeleteCustomer,
    GetCustomerOfLegalEntity,
    PutCustomerOfLegalEntity,
    DeleteCustomerOfLegalEntity,
    BulkPutReference,
    BulkDeleteReference,
    WatchEvents,
}

/// What the table says of an operation.
#[derive(Debug, Clone, Copy)]
pub struct Spec {
    /// A short name for metrics and logs.
    pub name: &'static str,
    /// The method.
    pub method: Method,
    /// The path.
    pub path: PathTemplate,
    /// Any one of these scopes lets a caller in.
    pub scopes: Scopes,
}

const READ: Scopes = Scopes::of(&[Scope::Read, Scope::ReadOwn]);
const READ_ALL: Scopes = Scopes::of(&[Scope::Read]);
const READ_OWN: Scopes = Scopes::of(&[Scope::ReadOwn]);
const MANAGE: Scopes = Scopes::of(&[Scope::Manage]);

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 36] = [
        Self::ListSegments,
        Self::CreateSegment,
        Self::BulkCreateSegments,
        Self::BulkPutSegments,
        Self::BulkDeleteSegments,
        Self::SearchSegments,
        Self::MatchItems,
        Self::ListItems,
        Self::ListCategoryTrees,
        Self::GetSegment,
        Self::PutSegment,
        Self::PatchSegment,
        Self::DeleteSegment,
        Self::ListSegmentHistory,
        Self::DiffSegment,
        Self::ListSegmentItems,
        Self::SearchSegmentItems,
        Self::BulkPutItems,
        Self::BulkDeleteItems,
        Self::GetItem,
        Self::PutItem,
        Self::DeleteItem,
        Self::ListMySegments,
        Self::ListSegmentCustomers,
        Self::SearchSegmentCustomers,
        Self::BulkPutCustomers,
        Self::BulkDeleteCustomers,
        Self::GetCustomer,
        Self::PutCustomer,
        Self::DeleteCustomer,
        Self::GetCustomerOfLegalEntity,
        Self::PutCustomerOfLegalEntity,
        Self::DeleteCustomerOfLegalEntity,
        Self::BulkPutReference,
        Self::BulkDeleteReference,
        Self::WatchEvents,
    ];

    /// The operation's line in the table.
    pub const fn spec(self) -> Spec {
        use Method::{Delete, Get, Patch, Post, Put};
        use PathTemplate as Path;
        let (name, method, path, scopes) = match self {
            Self::ListSegments => ("segments.list", Get, Path::Segments, READ),
            Self::CreateSegment => ("segments.create", Post, Path::Segments, MANAGE),
            Self::BulkCreateSegments => ("segments.bulk_create", Post, Path::SegmentsBulk, MANAGE),
            Self::BulkPutSegments => ("segments.bulk_put", Put, Path::SegmentsBulk, MANAGE),
            Self::BulkDeleteSegments => ("segments.bulk_delete", Delete, Path::SegmentsBulk, MANAGE),
            Self::SearchSegments => ("segments.search", Post, Path::SegmentsSearch, READ),
            Self::MatchItems => ("segments.match", Post, Path::SegmentsMatch, MANAGE),
            Self::ListItems => ("items.list", Get, Path::Items, READ),
            Self::ListCategoryTrees => ("category_trees.list", Get, Path::CategoryTrees, READ_OWN),
            Self::GetSegment => ("segments.get", Get, Path::Segment, READ),
            Self::PutSegment => ("segments.put", Put, Path::Segment, MANAGE),
            Self::PatchSegment => ("segments.patch", Patch, Path::Segment, MANAGE),
            Self::DeleteSegment => ("segments.delete", Delete, Path::Segment, MANAGE),
            Self::ListSegmentHistory => ("segments.history", Get, Path::SegmentHistory, MANAGE),
            Self::DiffSegment => ("segments.diff", Get, Path::SegmentDiff, MANAGE),
            Self::ListSegmentItems => ("segment_items.list", Get, Path::SegmentItems, READ),
            Self::SearchSegmentItems => ("segment_items.search", Post, Path::SegmentItemsSearch, READ),
            Self::BulkPutItems => ("segment_items.bulk_put", Put, Path::SegmentItemsBulk, MANAGE),
            Self::BulkDeleteItems => ("segment_items.bulk_delete", Delete, Path::SegmentItemsBulk, MANAGE),
            Self::GetItem => ("segment_items.get", Get, Path::SegmentItem, READ),
            Self::PutItem => ("segment_items.put", Put, Path::SegmentItem, MANAGE),
            Self::DeleteItem => ("segment_items.delete", Delete, Path::SegmentItem, MANAGE),
            Self::ListMySegments => ("segments.mine", Get, Path::MySegments, READ_OWN),
            Self::ListSegmentCustomers => ("customers.list", Get, Path::SegmentCustomers, READ),
            Self::SearchSegmentCustomers => ("customers.search", Post, Path::SegmentCustomersSearch, READ_ALL),
            Self::BulkPutCustomers => ("customers.bulk_put", Put, Path::SegmentCustomersBulk, MANAGE),
            Self::BulkDeleteCustomers => ("customers.bulk_delete", Delete, Path::SegmentCustomersBulk, MANAGE),
            Self::GetCustomer => ("customers.get", Get, Path::SegmentCustomer, READ_ALL),
            Self::PutCustomer => ("customers.put", Put, Path::SegmentCustomer, MANAGE),
            Self::DeleteCustomer => ("customers.delete", Delete, Path::SegmentCustomer, MANAGE),
            Self::GetCustomerOfLegalEntity => {
                ("customers.get_of_legal_entity", Get, Path::SegmentCustomerOfLegalEntity, READ_ALL)
            }
            Self::PutCustomerOfLegalEntity => {
                ("customers.put_of_legal_entity", Put, Path::SegmentCustomerOfLegalEntity, MANAGE)
            }
            Self::DeleteCustomerOfLegalEntity => {
                ("customers.delete_of_legal_entity", Delete, Path::SegmentCustomerOfLegalEntity, MANAGE)
            }
            Self::BulkPutReference => ("reference.bulk_put", Put, Path::ReferenceBulk, MANAGE),
            Self::BulkDeleteReference => ("reference.bulk_delete", Delete, Path::ReferenceBulk, MANAGE),
            Self::WatchEvents => ("events.watch", Get, Path::Events, MANAGE),
        };
        Spec { name, method, path, scopes }
    }

    /// Any one of these scopes lets a caller in who asks with these parameters: those of the table, unless a parameter asks for
    /// the past, which is for who manages.
    pub fn scopes(self, query: &Query) -> Scopes {
        let of_the_past: &[&str] = match self {
            Self::GetSegment => &[VERSION, AS_OF],
            Self::ListSegmentItems | Self::ListSegmentCustomers => &[AS_OF],
            _ => &[],
        };
        if of_the_past.iter().any(|name| query.has(name)) { MANAGE } else { self.spec().scopes }
    }

    /// Whether a token may stand in the query: only where a browser asks by itself, and can set no header.
    pub const fn takes_token_in_query(self) -> bool {
        matches!(self, Self::WatchEvents)
    }

    /// Whether the body is a list of items, each with an answer of its own.
    pub const fn is_bulk(self) -> bool {
        use PathTemplate::{ReferenceBulk, SegmentCustomersBulk, SegmentItemsBulk, SegmentsBulk};
        matches!(self.spec().path, SegmentsBulk | SegmentItemsBulk | SegmentCustomersBulk | ReferenceBulk)
    }

    /// The operations of a path.
    pub fn on(path: PathTemplate) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |operation| operation.spec().path == path)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reading_needs_a_scope_for_reading_and_all_else_needs_manage() {
        for operation in Operation::ALL {
            let Spec { name, method, scopes, .. } = operation.spec();
            let is_read = method == Method::Get || name.ends_with(".search");
            let expected = match name {
                // Nobody's assignments but one's own are shown to whoever may read only what is theirs.
                "customers.search" | "customers.get" | "customers.get_of_legal_entity" => READ_ALL,
                "segments.mine" | "category_trees.list" => READ_OWN,
                "segments.history" | "segments.diff" | "events.watch" => MANAGE,
                _ if is_read => READ,
                _ => MANAGE,
            };
            assert_eq!(scopes, expected, "{name}");
        }
    }

    #[test]
    fn the_past_needs_manage() {
        for (operation, query, expected) in [
            (Operation::GetSegment, "", READ),
            (Operation::GetSegment, "versions=1&fields=version", READ),
            (Operation::GetSegment, "version=1", MANAGE),
            (Operation::GetSegment, "version", MANAGE),
            (Operation::GetSegment, "asOf=2024-04-17T08:00:00Z", MANAGE),
            (Operation::ListSegmentItems, "asOf=2024-04-17T08:00:00Z", MANAGE),
            (Operation::ListSegmentCustomers, "as%4Ff=", MANAGE),
            // There it means nothing.
            (Operation::ListSegmentItems, "version=1", READ),
            (Operation::ListSegments, "asOf=2024-04-17T08:00:00Z", READ),
        ] {
            assert_eq!(operation.scopes(&Query::parse(query).expect("good")), expected, "{operation:?} {query}");
        }
    }

    #[test]
    fn no_two_operations_share_method_and_path() {
        for one in Operation::ALL {
            let twins = Operation::on(one.spec().path).filter(|other| other.spec().method == one.spec().method);
            assert_eq!(twins.count(), 1, "{one:?}");
        }
    }
}
