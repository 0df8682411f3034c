//! The meaning of a query in memory, written from the contract and not from the SQL: the reference that tests compare with.

use regex::Regex;
use serde_json::{Number, Value};

use super::{
    Query,
    ast::{Clause, Comparison, Op, Test},
    instant::instant,
    scalar::Scalar,
};

/// Whether a row, as the API shows it, passes the filter.
pub fn holds(query: &Query, row: &Value) -> bool {
    query.clauses.iter().all(|clause| clause_holds(clause, row))
}

fn clause_holds(clause: &Clause, row: &Value) -> bool {
    let path: Vec<&str> = clause.field.0.iter().map(String::as_str).collect();
    let path = match path.as_slice() {
        ["_id"] => &["id"][..],
        ["metadataCreatedAt"] => &["metadata", "createdAt"],
        ["metadataModifiedAt"] => &["metadata", "modifiedAt"],
        path => path,
    };
    let is_date = matches!(path, ["validity", "from" | "to"] | ["metadata", "createdAt" | "modifiedAt"]);
    let values = match path {
        [member @ ("name" | "description"), language @ ..] => translations(&row[member], language),
        ["item", "name", language @ ..] => translations(&row["item"]["name"], language),
        _ => reached(row, path),
    };
    let exists = values.iter().any(|value| !is_empty(value));
    match &clause.test {
        Test::Missing => !exists,
        Test::Exists => exists,
        Test::AnyOf(scalars) => {
            let equal = if is_date { equals_date } else { equals };
            values.iter().any(|value| scalars.iter().any(|scalar| equal(scalar, value)))
        }
        Test::Within(bounds) => values.iter().any(|value| bounds.iter().all(|bound| is_within(bound, value))),
        Test::Matches(pattern) => {
            let regex = Regex::new(pattern.source()).expect("a pattern of the dialect");
            !is_date && values.iter().any(|value| value.as_str().is_some_and(|text| regex.is_match(text)))
        }
    }
}

fn translations<'a>(texts: &'a Value, language: &[&str]) -> Vec<&'a Value> {
    let entries = texts.as_object().into_iter().flatten();
    match language {
        [] => entries.map(|(_, text)| text).collect(),
        [wanted] => entries.filter(|(tag, _)| tag.eq_ignore_ascii_case(wanted)).map(|(_, text)| text).collect(),
        _ => Vec::new(),
    }
}

fn reached<'a>(row: &'a Value, path: &[&str]) -> Vec<&'a Value> {
    let mut values = vec![row];
    for word in path {
        values = values.into_iter().flat_map(elements).filter_map(|value| value.get(word)).collect();
    }
    values.into_iter().flat_map(elements).collect()
}

fn elements(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn equals(scalar: &Scalar, value: &Value) -> bool {
    match value {
        Value::String(text) => *text == scalar.text,
        Value::Number(number) => scalar.number().is_some_and(|wanted| as_float(&wanted) == as_float(number)),
        Value::Bool(flag) => scalar.boolean() == Some(*flag),
        Value::Null | Value::Array(_) | Value::Object(_) => false,
    }
}

fn equals_date(scalar: &Scalar, value: &Value) -> bool {
    scalar.instant().is_some() && scalar.instant() == value.as_str().and_then(instant)
}

fn is_within(Comparison { op, bound }: &Comparison, value: &Value) -> bool {
    let order = match value {
        Value::String(text) => instant(text).zip(bound.instant()).map(|(value, bound)| value.cmp(&bound)),
        Value::Number(number) => bound.number().and_then(|bound| as_float(number).partial_cmp(&as_float(&bound))),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    };
    order.is_some_and(|order| match op {
        Op::Less => order.is_lt(),
        Op::AtMost => order.is_le(),
        Op::Greater => order.is_gt(),
        Op::AtLeast => order.is_ge(),
    })
}

/// Exact for the numbers of the tests.
fn as_float(number: &Number) -> f64 {
    number.as_f64().expect("every number is a float here")
}
