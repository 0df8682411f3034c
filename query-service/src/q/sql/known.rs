//! Conditions on reference data: on the one row that an assignment names, if it is known.

use sqlx::{Postgres, QueryBuilder};

use super::column;
use crate::q::{ast::Test, field::Source};

/// On a text column of the row, null where it is absent.
pub fn push(sql: &mut QueryBuilder<Postgres>, source: Source, column: &'static str, test: &Test) {
    if *test == Test::Missing {
        sql.push("not ");
    }
    sql.push("exists (select from ").push(source.as_sql()).push(" and ");
    match test {
        Test::Missing | Test::Exists => drop(sql.push(column).push(" is not null")),
        Test::AnyOf(_) | Test::Within(_) | Test::Matches(_) => {
            sql.push("(");
            column::push_text(sql, column, test);
            sql.push(")");
        }
    }
    sql.push(")");
}

/// On the name of an item; without a language: on any translation.
pub fn push_item_name(sql: &mut QueryBuilder<Postgres>, language: Option<&str>, test: &Test) {
    if *test == Test::Missing {
        sql.push("not ");
    }
    sql.push("exists (select from ").push(Source::Item.as_sql());
    push_candidates(sql, test);
    sql.push(" and exists (select from jsonb_each_text(n.name) t where ");
    match language {
        Some(language) => drop(sql.push("lower(t.key collate \"C\") = ").push_bind(language.to_owned())),
        None => drop(sql.push("true")),
    }
    match test {
        Test::Missing | Test::Exists => {}
        Test::AnyOf(_) | Test::Within(_) | Test::Matches(_) => {
            sql.push(" and (");
            column::push_text(sql, "t.value collate \"C\"", test);
            sql.push(")");
        }
    }
    sql.push("))");
}

/// What an index finds; the exact condition follows.
fn push_candidates(sql: &mut QueryBuilder<Postgres>, test: &Test) {
    match test {
        Test::AnyOf(scalars) => {
            let texts: Vec<String> = scalars.iter().map(|scalar| scalar.text.clone()).collect();
            sql.push(" and name_values(n.name) && ").push_bind(texts);
        }
        Test::Matches(pattern) => {
            sql.push(" and name_texts(n.name) collate \"C\" ~ ").push_bind(pattern.candidates().to_owned());
        }
        Test::Missing | Test::Exists | Test::Within(_) => {}
    }
}
