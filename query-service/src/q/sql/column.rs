//! Conditions on columns of their own.

use serde_json::Number;
use sqlx::{Postgres, QueryBuilder};

use super::{push_all, push_constant, push_op};
use crate::q::ast::{Comparison, Op, Test};

/// On a text that every row has.
pub fn push_text(sql: &mut QueryBuilder<Postgres>, column: &'static str, test: &Test) {
    match test {
        Test::Missing | Test::Exists => push_constant(sql, *test == Test::Exists),
        Test::AnyOf(scalars) => {
            push_any(sql, column, scalars.iter().map(|scalar| scalar.text.clone()).collect());
        }
        // A text is ordered if it is a date.
        Test::Within(bounds) => push_instants(sql, &format!("rfc3339({column})"), bounds),
        Test::Matches(pattern) => {
            sql.push(column).push(" ~ ").push_bind(pattern.exact().to_owned());
        }
    }
}

/// On a text that is empty where it is absent; no value is empty.
pub fn push_text_or_empty(sql: &mut QueryBuilder<Postgres>, column: &'static str, test: &Test) {
    match test {
        Test::Missing | Test::Exists => push_present_with(sql, column, test),
        Test::AnyOf(scalars) => {
            let texts = scalars.iter().map(|scalar| scalar.text.clone());
            push_any(sql, column, texts.filter(|text| !text.is_empty()).collect());
        }
        // Empty is no date.
        Test::Within(_) => push_text(sql, column, test),
        Test::Matches(_) => {
            sql.push(column).push(" <> '' and ");
            push_text(sql, column, test);
        }
    }
}

/// On an object that is there where a text is not empty.
pub fn push_present_with(sql: &mut QueryBuilder<Postgres>, column: &'static str, test: &Test) {
    match test {
        Test::Missing => drop(sql.push(column).push(" = ''")),
        Test::Exists => drop(sql.push(column).push(" <> ''")),
        Test::AnyOf(_) | Test::Within(_) | Test::Matches(_) => push_constant(sql, false),
    }
}

/// On a whole number that every row has.
pub fn push_integer(sql: &mut QueryBuilder<Postgres>, column: &'static str, test: &Test) {
    match test {
        Test::Missing | Test::Exists => push_constant(sql, *test == Test::Exists),
        Test::AnyOf(scalars) => {
            let numbers = scalars.iter().filter_map(|scalar| scalar.number());
            push_any(sql, column, numbers.filter_map(|number| as_integer(&number)).collect());
        }
        Test::Within(bounds) => push_all(sql, bounds, |sql, Comparison { op, bound }| {
            match bound.number().map(|number| integer_bound(*op, &number)) {
                Some(Bound::At(integer)) => {
                    sql.push(column);
                    push_op(sql, *op);
                    sql.push_bind(integer);
                }
                Some(Bound::Always) => push_constant(sql, true),
                Some(Bound::Never) | None => push_constant(sql, false),
            }
        }),
        Test::Matches(_) => push_constant(sql, false),
    }
}

/// On an instant, null where it is absent.
pub fn push_instant(sql: &mut QueryBuilder<Postgres>, column: &'static str, test: &Test) {
    match test {
        Test::Missing => drop(sql.push(column).push(" is null")),
        Test::Exists => drop(sql.push(column).push(" is not null")),
        Test::AnyOf(scalars) => push_any(sql, column, scalars.iter().filter_map(|scalar| scalar.instant()).collect()),
        Test::Within(bounds) => push_instants(sql, column, bounds),
        Test::Matches(_) => push_constant(sql, false),
    }
}

/// On an object that is there when one of its columns is.
pub fn push_any_of_two(sql: &mut QueryBuilder<Postgres>, [one, other]: [&'static str; 2], test: &Test) {
    match test {
        Test::Missing => drop(sql.push(one).push(" is null and ").push(other).push(" is null")),
        Test::Exists => drop(sql.push(one).push(" is not null or ").push(other).push(" is not null")),
        Test::AnyOf(_) | Test::Within(_) | Test::Matches(_) => push_constant(sql, false),
    }
}

/// Bounds for an expression that yields an instant; a bound that is none holds for nothing.
pub fn push_instants(sql: &mut QueryBuilder<Postgres>, expression: &str, bounds: &[Comparison]) {
    push_all(sql, bounds, |sql, Comparison { op, bound }| match bound.instant() {
        Some(instant) => {
            sql.push(expression);
            push_op(sql, *op);
            sql.push_bind(instant);
        }
        None => push_constant(sql, false),
    });
}

fn push_any<T>(sql: &mut QueryBuilder<Postgres>, column: &'static str, mut values: Vec<T>)
where
    T: for<'q> sqlx::Encode<'q, Postgres> + sqlx::Type<Postgres> + sqlx::postgres::PgHasArrayType,
{
    match (values.pop(), values.is_empty()) {
        (None, _) => push_constant(sql, false),
        (Some(only), true) => drop(sql.push(column).push(" = ").push_bind(only)),
        (Some(last), false) => {
            values.push(last);
            sql.push(column).push(" = any(").push_bind(values).push(")");
        }
    }
}

/// A bound as it concerns whole numbers of 64 bits.
#[derive(Debug, PartialEq, Eq)]
enum Bound {
    Always,
    Never,
    At(i64),
}

/// 2^63, the first number beyond.
const END: f64 = 9_223_372_036_854_775_808.0;

#[expect(clippy::cast_possible_truncation, reason = "integral and in range, as checked")]
fn as_integer(number: &Number) -> Option<i64> {
    let integral = |float: &f64| float.fract() == 0.0 && (-END..END).contains(float);
    number.as_i64().or_else(|| number.as_f64().filter(integral).map(|float| float as i64))
}

/// `> 1.5` is `> 1` among whole numbers, `>= 1.5` is `>= 2`.
fn integer_bound(op: Op, number: &Number) -> Bound {
    if let Some(integer) = as_integer(number) {
        return Bound::At(integer);
    }
    let float = number.as_f64().unwrap_or(f64::NAN);
    let rounded = match op {
        Op::Less | Op::AtLeast => float.ceil(),
        Op::AtMost | Op::Greater => float.floor(),
    };
    let bounded_above = matches!(op, Op::Less | Op::AtMost);
    match Number::from_f64(rounded).as_ref().and_then(as_integer) {
        Some(integer) => Bound::At(integer),
        None if (rounded > 0.0) == bounded_above => Bound::Always,
        None => Bound::Never,
    }
}

#[cfg(test)]
mod tests {
    use super::{Bound, Op, integer_bound};

    #[test]
    fn bounds_are_rounded_to_whole_numbers() {
        let cases = [
            ("2", Op::Greater, Bound::At(2)),
            ("2.0", Op::Less, Bound::At(2)),
            ("1.5", Op::Greater, Bound::At(1)),
            ("1.5", Op::AtLeast, Bound::At(2)),
            ("1.5", Op::Less, Bound::At(2)),
            ("-1.5", Op::AtMost, Bound::At(-2)),
            ("9223372036854775807", Op::AtMost, Bound::At(i64::MAX)),
            ("9223372036854775808", Op::Less, Bound::Always),
            ("1e300", Op::Greater, Bound::Never),
            ("-1e300", Op::Greater, Bound::Always),
            ("-1e300", Op::AtMost, Bound::Never),
        ];
        for (text, op, expected) in cases {
            let number = serde_json::from_str(text).expect("a number");
            assert_eq!(integer_bound(op, &number), expected, "{} {text}", op.sign());
        }
    }
}
