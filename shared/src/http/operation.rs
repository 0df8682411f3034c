//! The operations of the API: name, method, path and scopes of each, in one table.
//!
//! Both services know the whole table, so that a wrong method answers the same wherever it arrives.
//! A new operation: a variant, its line in [`Operation::spec`], its path in [`PathTemplate`] if that is new too; then a
//! handler in the table of the service that executes it.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

use super::scope::{Scope, Scopes};

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

/// The shapes of paths below `/customer-segment/{tenant}`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`as_str` says what each stands for")]
pub enum PathTemplate {
    Segments,
    SegmentsBulk,
    SegmentsSearch,
    SegmentsMatch,
    Items,
    Segment,
    SegmentItems,
    SegmentItemsSearch,
    SegmentItemsBulk,
    SegmentItem,
}

impl PathTemplate {
    /// The template, as documents and metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Segments => "/customer-segment/{tenant}/segments",
            Self::SegmentsBulk => "/customer-segment/{tenant}/segments/bulk",
            Self::SegmentsSearch => "/customer-segment/{tenant}/segments/search",
            Self::SegmentsMatch => "/customer-segment/{tenant}/segments/match",
            Self::Items => "/customer-segment/{tenant}/segments/items",
            Self::Segment => "/customer-segment/{tenant}/segments/{segmentId}",
            Self::SegmentItems => "/customer-segment/{tenant}/segments/{segmentId}/items",
            Self::SegmentItemsSearch => "/customer-segment/{tenant}/segments/{segmentId}/items/search",
            Self::SegmentItemsBulk => "/customer-segment/{tenant}/segments/{segmentId}/items/{type}/bulk",
            Self::SegmentItem => "/customer-segment/{tenant}/segments/{segmentId}/items/{type}/{itemId}",
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
    GetSegment,
    PutSegment,
    PatchSegment,
    DeleteSegment,
    ListSegmentItems,
    SearchSegmentItems,
    BulkPutItems,
    BulkDeleteItems,
    GetItem,
    PutItem,
    DeleteItem,
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
const MANAGE: Scopes = Scopes::of(&[Scope::Manage]);

impl Operation {
    /// Every operation.
    pub const ALL: [Self; 19] = [
        Self::ListSegments,
        Self::CreateSegment,
        Self::BulkCreateSegments,
        Self::BulkPutSegments,
        Self::BulkDeleteSegments,
        Self::SearchSegments,
        Self::MatchItems,
        Self::ListItems,
        Self::GetSegment,
        Self::PutSegment,
        Self::PatchSegment,
        Self::DeleteSegment,
        Self::ListSegmentItems,
        Self::SearchSegmentItems,
        Self::BulkPutItems,
        Self::BulkDeleteItems,
        Self::GetItem,
        Self::PutItem,
        Self::DeleteItem,
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
            Self::GetSegment => ("segments.get", Get, Path::Segment, READ),
            Self::PutSegment => ("segments.put", Put, Path::Segment, MANAGE),
            Self::PatchSegment => ("segments.patch", Patch, Path::Segment, MANAGE),
            Self::DeleteSegment => ("segments.delete", Delete, Path::Segment, MANAGE),
            Self::ListSegmentItems => ("segment_items.list", Get, Path::SegmentItems, READ),
            Self::SearchSegmentItems => ("segment_items.search", Post, Path::SegmentItemsSearch, READ),
            Self::BulkPutItems => ("segment_items.bulk_put", Put, Path::SegmentItemsBulk, MANAGE),
            Self::BulkDeleteItems => ("segment_items.bulk_delete", Delete, Path::SegmentItemsBulk, MANAGE),
            Self::GetItem => ("segment_items.get", Get, Path::SegmentItem, READ),
            Self::PutItem => ("segment_items.put", Put, Path::SegmentItem, MANAGE),
            Self::DeleteItem => ("segment_items.delete", Delete, Path::SegmentItem, MANAGE),
        };
        Spec { name, method, path, scopes }
    }

    /// Whether the body is a list of items, each with an answer of its own.
    pub const fn is_bulk(self) -> bool {
        matches!(self.spec().path, PathTemplate::SegmentsBulk | PathTemplate::SegmentItemsBulk)
    }

    /// The operations of a path.
    pub fn on(path: PathTemplate) -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().filter(move |operation| operation.spec().path == path)
    }
}

/// The variable parts of a path, percent-decoded once and not yet checked; empty where the path has no such part.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PathParams {
    /// The tenant.
    pub tenant: String,
    /// The segment.
    pub segment_id: String,
    /// The type of an item.
    pub item_type: String,
    /// The item.
    pub item_id: String,
}

/// Finds the template of a path as it was sent. Static words win over variables; a variable is never empty; a trailing
/// slash, or text that is not UTF-8 once decoded, belongs to no path.
pub fn match_path(path: &str) -> Option<(PathTemplate, PathParams)> {
    let mut parts: [Cow<'_, str>; MAX_PARTS] = Default::default();
    let mut count = 0;
    for part in path.strip_prefix('/')?.split('/') {
        let decoded = percent_decode_str(part).decode_utf8().ok().filter(|text| !text.is_empty())?;
        *parts.get_mut(count)? = decoded;
        count += 1;
    }
    let parts: [&str; MAX_PARTS] = std::array::from_fn(|place| &*parts[place]);
    let ["customer-segment", tenant, "segments", rest @ ..] = &parts[..count] else { return None };
    let (template, segment_id, item_type, item_id) = match_segments(rest)?;
    let params = PathParams {
        tenant: (*tenant).to_owned(),
        segment_id: segment_id.to_owned(),
        item_type: item_type.to_owned(),
        item_id: item_id.to_owned(),
    };
    Some((template, params))
}

/// The longest path has 7 parts; one more tells a longer one.
const MAX_PARTS: usize = 8;

fn match_segments<'a>(parts: &[&'a str]) -> Option<(PathTemplate, &'a str, &'a str, &'a str)> {
    Some(match *parts {
        [] => (PathTemplate::Segments, "", "", ""),
        ["bulk"] => (PathTemplate::SegmentsBulk, "", "", ""),
        ["search"] => (PathTemplate::SegmentsSearch, "", "", ""),
        ["match"] => (PathTemplate::SegmentsMatch, "", "", ""),
        ["items"] => (PathTemplate::Items, "", "", ""),
        // Below a reserved word there is no segment, and `me` alone has no operation yet.
        ["bulk" | "search" | "match" | "items" | "me", ..] => return None,
        [segment] => (PathTemplate::Segment, segment, "", ""),
        [segment, "items"] => (PathTemplate::SegmentItems, segment, "", ""),
        [segment, "items", "search"] => (PathTemplate::SegmentItemsSearch, segment, "", ""),
        [segment, "items", item_type, "bulk"] => (PathTemplate::SegmentItemsBulk, segment, item_type, ""),
        [segment, "items", item_type, item] => (PathTemplate::SegmentItem, segment, item_type, item),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn static_words_win_over_variables_and_nothing_else_has_a_path() {
        for (rest, expected) in [
            ("", Some(PathTemplate::Segments)),
            ("/bulk", Some(PathTemplate::SegmentsBulk)),
            ("/%62ulk", Some(PathTemplate::SegmentsBulk)),
            ("/search", Some(PathTemplate::SegmentsSearch)),
            ("/match", Some(PathTemplate::SegmentsMatch)),
            ("/items", Some(PathTemplate::Items)),
            ("/me", None),
            ("/g1", Some(PathTemplate::Segment)),
            ("/g1/items", Some(PathTemplate::SegmentItems)),
            ("/g1/items/search", Some(PathTemplate::SegmentItemsSearch)),
            ("/g1/items/PRODUCT", None),
            ("/g1/items/PRODUCT/bulk", Some(PathTemplate::SegmentItemsBulk)),
            ("/g1/items/search/bulk", Some(PathTemplate::SegmentItemsBulk)),
            ("/g1/items/PRODUCT/p1", Some(PathTemplate::SegmentItem)),
            ("/g1/items/PRODUCT/p1/x", None),
            ("/g1/items/PRODUCT/p1/x/y", None),
            ("/items/category-trees", None),
            ("/bulk/items", None),
            ("/", None),
            ("/g1/", None),
            ("//items", None),
            ("/%ff", None),
            ("/g1/groups", None),
        ] {
            let path = format!("/customer-segment/acme/segments{rest}");
            assert_eq!(match_path(&path).map(|(template, _)| template), expected, "{path}");
        }
        for path in ["", "/", "*", "/customer-segment", "/customer-segment/acme", "/x/acme/segments"] {
            assert_eq!(match_path(path), None, "{path}");
        }
    }

    #[test]
    fn variables_are_decoded_once() {
        let (_, params) = match_path("/customer-segment/a%2Dc/segments/a%252F%C3%BC/items/PRODUCT/p%20%2F+")
            .expect("the path has a template");
        assert_eq!(params.tenant, "a-c");
        assert_eq!(params.segment_id, "a%2Fü");
        assert_eq!(params.item_type, "PRODUCT");
        assert_eq!(params.item_id, "p /+");
    }

    #[test]
    fn reading_needs_one_of_two_scopes_and_all_else_needs_manage() {
        for operation in Operation::ALL {
            let Spec { name, method, scopes, .. } = operation.spec();
            let is_read = method == Method::Get || name.ends_with(".search");
            assert_eq!(scopes, if is_read { READ } else { MANAGE }, "{name}");
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
