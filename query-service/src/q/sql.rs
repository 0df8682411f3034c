//! A query as SQL. Everything that comes from the client is bound; only whitelisted column names and fixed SQL are written.
//!
//! Each clause becomes a condition that an index can serve (`migrations`); where the index only finds
//! candidates, an exact condition follows. A new kind of column: add its [`Target`] and a file beside `column`.

mod column;
mod json;
pub(super) mod jsonpath;
mod known;
mod localized;

use std::collections::HashSet;

use sqlx::{Postgres, QueryBuilder};

use super::{
    Query, Resource,
    ast::{Op, Test},
    field::{self, Target},
};

/// Appends ` and <condition>` for every clause. The statement calls the row of `segment` `s`, that of an assignment `a`.
pub fn push_filter(sql: &mut QueryBuilder<Postgres>, resource: Resource, query: &Query) {
    let mut written = HashSet::new();
    for clause in &query.clauses {
        // A clause says nothing new the second time, but would be planned and evaluated again.
        if written.insert(clause.to_string()) {
            sql.push(" and (");
            push_condition(sql, resource, &field::resolve(resource, &clause.field.0), &clause.test);
            sql.push(")");
        }
    }
}

fn push_condition(sql: &mut QueryBuilder<Postgres>, resource: Resource, target: &Target, test: &Test) {
    match target {
        Target::Text(column) => column::push_text(sql, column, test),
        Target::TextOrEmpty(column) => column::push_text_or_empty(sql, column, test),
        Target::PresentWith(column) => column::push_present_with(sql, column, test),
        Target::Integer(column) => column::push_integer(sql, column, test),
        Target::Instant { column, .. } => column::push_instant(sql, column, test),
        Target::Validity => column::push_any_of_two(sql, ["s.valid_from", "s.valid_to"], test),
        Target::Localized { member, language } => localized::push(sql, *member, language.as_deref(), test),
        Target::Known { source, column } => known::push(sql, *source, column, test),
        Target::ItemName { language } => known::push_item_name(sql, language.as_deref(), test),
        Target::Json(path) => json::push(sql, resource, path, test),
        Target::Present => push_constant(sql, matches!(test, Test::Exists)),
        Target::Absent => push_constant(sql, matches!(test, Test::Missing)),
    }
}

fn push_constant(sql: &mut QueryBuilder<Postgres>, holds: bool) {
    sql.push(if holds { "true" } else { "false" });
}

/// Joins conditions by `and`; each is appended by `push`.
fn push_all<T>(
    sql: &mut QueryBuilder<Postgres>,
    items: impl IntoIterator<Item = T>,
    mut push: impl FnMut(&mut QueryBuilder<Postgres>, T),
) {
    for (index, item) in items.into_iter().enumerate() {
        if index > 0 {
            sql.push(" and ");
        }
        push(sql, item);
    }
}

/// Appends ` <sign> `.
fn push_op(sql: &mut QueryBuilder<Postgres>, op: Op) {
    sql.push(" ").push(op.sign()).push(" ");
}
