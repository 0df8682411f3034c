//! What all lists and searches are asked: filter, order, page, shape.

use serde_json::Value;
use shared::http::{ApiError, ApiResult, Call, Details, paging::Page};

use super::{
    App, answer,
    fresh::{Awaited, Shown},
    shape::Shape,
};
use crate::{
    q::{self, Query, Resource, sort::Sort},
    views,
};

/// A list request without its filter.
#[derive(Debug)]
pub struct Listing {
    /// The order.
    pub sort: Sort,
    /// Which rows.
    pub page: views::Page,
    /// What of them.
    shape: Shape,
    /// What they must show.
    pub awaited: Awaited,
}

impl Listing {
    /// From headers and parameters.
    ///
    /// # Errors
    /// 400.
    pub fn of(app: &App, call: &Call, resource: Resource) -> Result<Self, ApiError> {
        let page = Page::of(call)?;
        let shape = Shape::of(app, call, resource)?;
        let sort = call.query().get("sort")?.unwrap_or_default();
        let sort = Sort::parse(sort, resource, shape.sort_language())
            .map_err(|error| ApiError::invalid_parameter("sort", "syntax", error.to_string()))?;
        let awaited = Awaited::of(app, call)?;
        let page = views::Page { limit: page.size, offset: page.offset(), count: page.with_total };
        Ok(Self { sort, page, shape, awaited })
    }

    /// The page of a list without any rows.
    pub fn nothing(&self) -> views::PageOf<String> {
        views::PageOf { rows: Vec::new(), total: self.page.count.then_some(0) }
    }

    /// 200 with the rows of the page, each in the shape asked for.
    ///
    /// # Errors
    /// When a row cannot be reduced.
    pub fn answer(&self, app: &App, shown: Shown, page: views::PageOf<String>) -> ApiResult {
        let rows = page.rows.into_iter().map(|doc| self.shape.reduce(doc)).collect::<Result<_, _>>()?;
        Ok(answer::many(app, shown, views::PageOf { rows, ..page }))
    }
}

/// The filter of a list.
///
/// # Errors
/// 400.
pub fn query_of_list(call: &Call) -> Result<Query, ApiError> {
    let text = call.query().get("q")?.unwrap_or_default();
    Query::parse(text).map_err(|error| ApiError::invalid_parameter("q", error.detail_type(), error.to_string()))
}

/// The filter of a search: the member `q` of the body. No body, no member or a blank one filter nothing.
///
/// # Errors
/// 400, 413, 415.
pub async fn query_of_search(call: &mut Call) -> Result<Query, ApiError> {
    let refuse = |kind, message: String| ApiError::invalid_body(Details::new(kind, message).of("q"));
    let text = match call.json().await? {
        None => String::new(),
        Some(Value::Object(mut body)) => match body.remove("q") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(text)) => text,
            Some(_) => return Err(refuse("type", "q must be a string".to_owned())),
        },
        Some(_) => return Err(ApiError::invalid_body(Details::new("type", "the body must be an object"))),
    };
    Query::parse(&text).map_err(|error: q::Error| refuse(error.detail_type(), error.to_string()))
}
