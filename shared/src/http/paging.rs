//! Pages of lists: `pageNumber` from 1, `pageSize`, and the total on request.

use super::{call::Call, error::ApiError, query::Query};

/// What a client gets that does not say.
pub const DEFAULT_PAGE_SIZE: u32 = 60;
/// The largest page. More is refused, not cut: clients tell the last page by its length.
pub const MAX_PAGE_SIZE: u32 = 2000;
/// Asks for the total on requests, and carries it on answers.
pub const TOTAL_COUNT: &str = "X-Total-Count";

/// The wanted part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Page {
    /// From 1.
    pub number: u64,
    /// From 1 to [`MAX_PAGE_SIZE`].
    pub size: u32,
    /// Whether the client wants to know how many rows there are on all pages.
    pub with_total: bool,
}

impl Page {
    /// The page that a request asks for.
    ///
    /// # Errors
    /// 400 for what is not a number in range.
    pub fn of(call: &Call) -> Result<Self, ApiError> {
        let with_total = call.header(TOTAL_COUNT)?.is_some_and(|value| value.trim().eq_ignore_ascii_case("true"));
        Ok(Self { with_total, ..Self::from_query(call.query())? })
    }

    fn from_query(query: &Query) -> Result<Self, ApiError> {
        let number = query.get_number("pageNumber", u64::MAX)?.unwrap_or(1);
        let size = number_of_rows(query)?;
        Ok(Self { number, size, with_total: false })
    }

    /// How many rows come before the page; a page that cannot exist begins behind everything.
    pub fn offset(self) -> i64 {
        let rows = (self.number - 1).saturating_mul(u64::from(self.size));
        i64::try_from(rows).unwrap_or(i64::MAX)
    }
}

fn number_of_rows(query: &Query) -> Result<u32, ApiError> {
    let size = query.get_number("pageSize", u64::from(MAX_PAGE_SIZE))?;
    Ok(size.and_then(|size| u32::try_from(size).ok()).unwrap_or(DEFAULT_PAGE_SIZE))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pages_are_read_as_the_contract_says() {
        for (query, expected) in [
            ("", Some((1, 60, 0))),
            ("pageSize=25&pageNumber=3", Some((3, 25, 50))),
            ("pageNumber=2", Some((2, 60, 60))),
            ("pageSize=2000", Some((1, 2000, 0))),
            ("pageSize=2001", None),
            ("pageSize=0", None),
            ("pageSize=-1", None),
            ("pageSize=abc", None),
            ("pageSize=", None),
            ("pageSize=%2B5", None),
            ("pageSize=99999999999999999999", None),
            ("pageNumber=0", None),
            ("pageNumber=1.5", None),
            ("pageNumber=99999999999999999999", Some((u64::MAX, 60, i64::MAX))),
        ] {
            let page = Page::from_query(&Query::parse(query).expect("good"));
            assert_eq!(page.ok().map(|page| (page.number, page.size, page.offset())), expected, "{query}");
        }
    }
}
