//! The parameters of a URL's query, decoded once; `+` is a space.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::error::ApiError;
use crate::Timestamp;

/// The parameters in the order of the query.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Splits and decodes a query.
    ///
    /// # Errors
    /// 400 if a name or value is not UTF-8 or holds U+0000.
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        let parameters = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Ok((decode(name)?, decode(value)?))
        });
        parameters.collect::<Result<_, _>>().map(Self)
    }

    /// Whether a parameter is given, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }

    /// The value of a parameter.
    ///
    /// # Errors
    /// 400 if it is given twice: nobody can say which one is meant.
    pub fn get(&self, name: &str) -> Result<Option<&str>, ApiError> {
        let mut values = self.0.iter().filter(|(given, _)| given == name).map(|(_, value)| value.as_str());
        let first = values.next();
        if values.next().is_some() {
            return Err(ApiError::invalid_parameter(name, "syntax", "the parameter is given more than once"));
        }
        Ok(first)
    }

    /// The value of a parameter, if it is not blank.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub fn get_text(&self, name: &str) -> Result<Option<&str>, ApiError> {
        Ok(self.get(name)?.filter(|value| !value.trim().is_empty()))
    }

    /// A parameter that is `true` or `false`, in any case; `false` if it is not given.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn get_bool(&self, name: &str) -> Result<bool, ApiError> {
        match self.get(name)? {
            None => Ok(false),
            Some(value) if value.eq_ignore_ascii_case("true") => Ok(true),
            Some(value) if value.eq_ignore_ascii_case("false") => Ok(false),
            Some(_) => Err(ApiError::invalid_parameter(name, "enum", "the value must be true or false")),
        }
    }

    /// A parameter that is a whole number from 1 to `max`; without an upper end, what is beyond 64 bits is the largest number.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn get_number(&self, name: &str, max: u64) -> Result<Option<u64>, ApiError> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(ApiError::invalid_parameter(name, "syntax", "the value must be a whole number"));
        }
        // Only digits: what does not parse is beyond 64 bits.
        match text.parse::<u64>() {
            Ok(value) if (1..=max).contains(&value) => Ok(Some(value)),
            Err(_) if max == u64::MAX => Ok(Some(u64::MAX)),
            _ if max == u64::MAX => Err(ApiError::invalid_parameter(name, "range", "the value must be at least 1")),
            _ => Err(ApiError::invalid_parameter(name, "range", format!("the value must be from 1 to {max}"))),
        }
    }

    /// A parameter that is an instant, an RFC 3339 date-time with any offset.
    ///
    /// # Errors
    /// 400 for anything else.
    pub fn get_instant(&self, name: &str) -> Result<Option<Timestamp>, ApiError> {
        let Some(text) = self.get(name)? else { return Ok(None) };
        let instant = text.parse().map_err(|_| {
            let message =
                "the value must be an RFC 3339 date-time, such as 2026-11-24T08:00:00Z; a + in it is sent as %2B";
            ApiError::invalid_parameter(name, "syntax", message)
        })?;
        Ok(Some(instant))
    }
}

fn decode(text: &str) -> Result<String, ApiError> {
    let spaced: Cow<'_, str> = if text.contains('+') { text.replace('+', " ").into() } else { text.into() };
    match percent_decode(spaced.as_bytes()).decode_utf8() {
        Ok(decoded) if !decoded.contains('\0') => Ok(decoded.into_owned()),
        _ => Err(ApiError::invalid_parameter("query", "syntax", "the query must be UTF-8 without U+0000")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_decoded_once() {
        let query = Query::parse("q=a%2Bb+c%20d&e=%2525&x&&=y&f=%zz&q2=a=b").expect("the query is good");
        for (name, expected) in [
            ("q", Some("a+b c d")),
            ("e", Some("%25")),
            ("x", Some("")),
            ("f", Some("%zz")),
            ("q2", Some("a=b")),
            ("none", None),
        ] {
            assert_eq!(query.get(name), Ok(expected), "{name}");
        }
        assert!(Query::parse("q=%ff").is_err());
        assert!(Query::parse("q=%00").is_err());
        assert!(Query::parse("q=a&q=b").expect("good so far").get("q").is_err());
    }

    #[test]
    fn instants_are_date_times_with_any_offset() {
        for (query, expected) in [
            ("", Some(None)),
            ("t=2024-04-17T08:00:00Z", Some(Some("2024-04-17T08:00:00.000Z"))),
            ("t=2024-04-17T10:00:00.1234%2B02:00", Some(Some("2024-04-17T08:00:00.123Z"))),
            ("t=2024-04-17T10:00:00+02:00", None),
            ("t=2024-04-17", None),
            ("t=now", None),
            ("t=", None),
        ] {
            let instant = Query::parse(query).expect("good").get_instant("t").ok();
            assert_eq!(
                instant.map(|found| found.map(|instant| instant.to_string())),
                expected.map(|found| found.map(str::to_owned)),
                "{query}"
            );
        }
    }

    #[test]
    fn flags_are_true_or_false_in_any_case() {
        for (query, expected) in
            [("", Some(false)), ("f=TRUE", Some(true)), ("f=false", Some(false)), ("f=maybe", None), ("f=", None)]
        {
            assert_eq!(Query::parse(query).expect("good").get_bool("f").ok(), expected, "{query}");
        }
    }
}
