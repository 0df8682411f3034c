//! The paths of the API: their shapes, and what of one is variable.
//!
//! A new path: a variant of [`PathTemplate`], its text, and its line in one of the `match_…` functions.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;

/// The shapes of paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "`as_str` says what each stands for")]
pub enum PathTemplate {
    Segments,
    SegmentsBulk,
    SegmentsSearch,
    SegmentsMatch,
    MySegments,
    Items,
    CategoryTrees,
    Segment,
    SegmentHistory,
    SegmentDiff,
    SegmentItems,
    SegmentItemsSearch,
    SegmentItemsBulk,
    SegmentItem,
    SegmentCustomers,
    SegmentCustomersSearch,
    SegmentCustomersBulk,
    SegmentCustomer,
    SegmentCustomerOfLegalEntity,
    ReferenceBulk,
    Events,
}

impl PathTemplate {
    /// The template, as documents and metrics name it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Segments => "/customer-segment/{tenant}/segments",
            Self::SegmentsBulk => "/customer-segment/{tenant}/segments/bulk",
            Self::SegmentsSearch => "/customer-segment/{tenant}/segments/search",
            Self::SegmentsMatch => "/customer-segment/{tenant}/segments/match",
            Self::MySegments => "/customer-segment/{tenant}/segments/me",
            Self::Items => "/customer-segment/{tenant}/segments/items",
            Self::CategoryTrees => "/customer-segment/{tenant}/segments/items/category-trees",
            Self::Segment => "/customer-segment/{tenant}/segments/{segmentId}",
            Self::SegmentHistory => "/customer-segment/{tenant}/segments/{segmentId}/history",
            Self::SegmentDiff => "/customer-segment/{tenant}/segments/{segmentId}/diff",
            Self::SegmentItems => "/customer-segment/{tenant}/segments/{segmentId}/items",
            Self::SegmentItemsSearch => "/customer-segment/{tenant}/segments/{segmentId}/items/search",
            Self::SegmentItemsBulk => "/customer-segment/{tenant}/segments/{segmentId}/items/{type}/bulk",
            Self::SegmentItem => "/customer-segment/{tenant}/segments/{segmentId}/items/{type}/{itemId}",
            Self::SegmentCustomers => "/customer-segment/{tenant}/segments/{segmentId}/customers",
            Self::SegmentCustomersSearch => "/customer-segment/{tenant}/segments/{segmentId}/customers/search",
            Self::SegmentCustomersBulk => "/customer-segment/{tenant}/segments/{segmentId}/customers/bulk",
            Self::SegmentCustomer => "/customer-segment/{tenant}/segments/{segmentId}/customers/{customerId}",
            Self::SegmentCustomerOfLegalEntity => {
                "/customer-segment/{tenant}/segments/{segmentId}/customers/{customerId}/{legalEntityId}"
            }
            Self::ReferenceBulk => "/reference/{tenant}/{kind}/bulk",
            Self::Events => "/customer-segment/{tenant}/events",
        }
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
    /// The customer.
    pub customer_id: String,
    /// The legal entity that the customer acts for.
    pub legal_entity_id: String,
    /// The kind of reference data.
    pub reference_kind: String,
}

impl PathParams {
    fn of_segment(segment: &str) -> Self {
        Self { segment_id: segment.to_owned(), ..Self::default() }
    }

    fn of_item(segment: &str, kind: &str, item: &str) -> Self {
        Self { item_type: kind.to_owned(), item_id: item.to_owned(), ..Self::of_segment(segment) }
    }

    fn of_customer(segment: &str, customer: &str, legal_entity: &str) -> Self {
        let (customer_id, legal_entity_id) = (customer.to_owned(), legal_entity.to_owned());
        Self { customer_id, legal_entity_id, ..Self::of_segment(segment) }
    }
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
    let (tenant, (template, params)) = match parts[..count] {
        ["customer-segment", tenant, "segments", ref rest @ ..] => (tenant, match_segments(rest)?),
        ["customer-segment", tenant, "events"] => (tenant, (PathTemplate::Events, PathParams::default())),
        ["reference", tenant, kind, "bulk"] => {
            let params = PathParams { reference_kind: kind.to_owned(), ..PathParams::default() };
            (tenant, (PathTemplate::ReferenceBulk, params))
        }
        _ => return None,
    };
    Some((template, PathParams { tenant: tenant.to_owned(), ..params }))
}

/// The longest path has 7 parts; one more tells a longer one.
const MAX_PARTS: usize = 8;

fn match_segments(parts: &[&str]) -> Option<(PathTemplate, PathParams)> {
    use PathTemplate as Path;
    let none = PathParams::default;
    Some(match *parts {
        [] => (Path::Segments, none()),
        ["bulk"] => (Path::SegmentsBulk, none()),
        ["search"] => (Path::SegmentsSearch, none()),
        ["match"] => (Path::SegmentsMatch, none()),
        ["me"] => (Path::MySegments, none()),
        ["items"] => (Path::Items, none()),
        ["items", "category-trees"] => (Path::CategoryTrees, none()),
        // Below a reserved word there is no segment.
        ["bulk" | "search" | "match" | "items" | "me", ..] => return None,
        [segment] => (Path::Segment, PathParams::of_segment(segment)),
        [segment, "history"] => (Path::SegmentHistory, PathParams::of_segment(segment)),
        [segment, "diff"] => (Path::SegmentDiff, PathParams::of_segment(segment)),
        [segment, "items", ref rest @ ..] => match_items(segment, rest)?,
        [segment, "customers", ref rest @ ..] => match_customers(segment, rest)?,
        _ => return None,
    })
}

fn match_items(segment: &str, parts: &[&str]) -> Option<(PathTemplate, PathParams)> {
    use PathTemplate as Path;
    Some(match *parts {
        [] => (Path::SegmentItems, PathParams::of_segment(segment)),
        ["search"] => (Path::SegmentItemsSearch, PathParams::of_segment(segment)),
        [kind, "bulk"] => (Path::SegmentItemsBulk, PathParams::of_item(segment, kind, "")),
        [kind, item] => (Path::SegmentItem, PathParams::of_item(segment, kind, item)),
        _ => return None,
    })
}

fn match_customers(segment: &str, parts: &[&str]) -> Option<(PathTemplate, PathParams)> {
    use PathTemplate as Path;
    Some(match *parts {
        [] => (Path::SegmentCustomers, PathParams::of_segment(segment)),
        ["search"] => (Path::SegmentCustomersSearch, PathParams::of_segment(segment)),
        ["bulk"] => (Path::SegmentCustomersBulk, PathParams::of_segment(segment)),
        // Customers of these names cannot be addressed by a path.
        ["bulk" | "search", ..] => return None,
        [customer] => (Path::SegmentCustomer, PathParams::of_customer(segment, customer, "")),
        [customer, legal_entity] => {
            (Path::SegmentCustomerOfLegalEntity, PathParams::of_customer(segment, customer, legal_entity))
        }
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
            ("/me", Some(PathTemplate::MySegments)),
            ("/me/items", None),
            ("/g1", Some(PathTemplate::Segment)),
            ("/g1/history", Some(PathTemplate::SegmentHistory)),
            ("/g1/history/1", None),
            ("/g1/diff", Some(PathTemplate::SegmentDiff)),
            ("/me/history", None),
            ("/g1/items", Some(PathTemplate::SegmentItems)),
            ("/g1/items/search", Some(PathTemplate::SegmentItemsSearch)),
            ("/g1/items/PRODUCT", None),
            ("/g1/items/PRODUCT/bulk", Some(PathTemplate::SegmentItemsBulk)),
            ("/g1/items/search/bulk", Some(PathTemplate::SegmentItemsBulk)),
            ("/g1/items/PRODUCT/p1", Some(PathTemplate::SegmentItem)),
            ("/g1/items/PRODUCT/p1/x", None),
            ("/g1/items/PRODUCT/p1/x/y", None),
            ("/g1/customers", Some(PathTemplate::SegmentCustomers)),
            ("/g1/customers/search", Some(PathTemplate::SegmentCustomersSearch)),
            ("/g1/customers/bulk", Some(PathTemplate::SegmentCustomersBulk)),
            ("/g1/customers/c1", Some(PathTemplate::SegmentCustomer)),
            ("/g1/customers/c1/le1", Some(PathTemplate::SegmentCustomerOfLegalEntity)),
            ("/g1/customers/c1/bulk", Some(PathTemplate::SegmentCustomerOfLegalEntity)),
            ("/g1/customers/bulk/le1", None),
            ("/g1/customers/c1/", None),
            ("/g1/customers/c1/le1/x", None),
            ("/g1/customers/c1/le1/x/y", None),
            ("/items/category-trees", Some(PathTemplate::CategoryTrees)),
            ("/items/category-trees/x", None),
            ("/items/PRODUCT", None),
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
    fn reference_data_has_one_path_for_each_kind() {
        let (template, params) = match_path("/reference/acme/product%43ategory/bulk").expect("the path has a template");
        assert_eq!((template, &*params.reference_kind), (PathTemplate::ReferenceBulk, "productCategory"));
        for path in ["/reference/acme/product", "/reference/acme/product/p1", "/reference/acme/product/bulk/x"] {
            assert_eq!(match_path(path), None, "{path}");
        }
    }

    #[test]
    fn events_have_one_path() {
        let (template, params) = match_path("/customer-segment/acme/%65vents").expect("the path has a template");
        assert_eq!((template, &*params.tenant), (PathTemplate::Events, "acme"));
        for path in ["/customer-segment/acme/events/", "/customer-segment/acme/events/x", "/reference/acme/events"] {
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
        let (_, params) =
            match_path("/customer-segment/acme/segments/g1/customers/c%2F1/l%20e").expect("the path has a template");
        assert_eq!((&*params.customer_id, &*params.legal_entity_id), ("c/1", "l e"));
    }
}
