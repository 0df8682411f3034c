//! The parameters of a URL's query, decoded once; `+` is a space.

use std::borrow::Cow;

use percent_encoding::percent_decode;

use super::error::ApiError;

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
    fn flags_are_true_or_false_in_any_case() {
        for (query, expected) in
            [("", Some(false)), ("f=TRUE", Some(true)), ("f=false", Some(false)), ("f=maybe", None), ("f=", None)]
        {
            assert_eq!(Query::parse(query).expect("good").get_bool("f").ok(), expected, "{query}");
        }
    }
}
