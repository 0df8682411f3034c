//! Conditions on mixins, whose values may be of any type.
//!
//! A path reaches values: at each step the members of an object, or of the objects in an array; at its end the elements of
//! an array instead of the array. A condition holds if it holds for one of the values reached.

use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};

use super::{jsonpath, push_all, push_constant, push_op};
use crate::q::{
    Resource,
    ast::{Comparison, Test},
    pattern::Pattern,
    scalar::Scalar,
};

/// Strings that are looked for one by one.
const MOST_METADATA_TEXTS: usize = 256;
/// Of the paths to them, together.
const MOST_PATH_BYTES: usize = 64 * 1024;
/// Of each of them.
const MOST_CHARS: usize = 1_000;

/// On what `path` reaches in the free-form members of the row.
pub fn push(sql: &mut QueryBuilder<Postgres>, resource: Resource, path: &[String], test: &Test) {
    match test {
        Test::Missing => {
            sql.push("not ");
            push_exists(sql, resource, path);
        }
        Test::Exists => push_exists(sql, resource, path),
        Test::AnyOf(scalars) => push_any(sql, resource, path, scalars),
        Test::Within(bounds) => push_reached(sql, resource, path, |sql| push_all(sql, bounds, push_bound)),
        Test::Matches(pattern) => {
            if resource == Resource::Segment && path[0] == "metadata" {
                push_metadata_candidates(sql, path, pattern);
            }
            push_reached(sql, resource, path, |sql| {
                sql.push("jsonb_typeof(v) = 'string' and (v #>> '{}') collate \"C\" ~ ");
                sql.push_bind(pattern.exact().to_owned());
            });
        }
    }
}

/// That the path leads to one of the strings in which there is a match: they are found first, each once for all documents. If they
/// are too many or too long, every document is a candidate.
fn push_metadata_candidates(sql: &mut QueryBuilder<Postgres>, path: &[String], pattern: &Pattern) {
    let equals = jsonpath::member(path) + " == ";
    let most = MOST_METADATA_TEXTS.min(MOST_PATH_BYTES / equals.len());
    sql.push(format!(
        "s.search @@ (select case when count(*) <= {most} and coalesce(max(length(m.text)) <= {MOST_CHARS}, true) then string_agg("
    ));
    sql.push_bind(equals)
        .push(format!(" || to_jsonb(left(m.text, {MOST_CHARS}))::text, ' || ') else '1 == 1' end::jsonpath"));
    sql.push(" from (select text from metadata_text where text ~ ").push_bind(pattern.exact().to_owned());
    sql.push(format!(" limit {}) m) and ", most + 1));
}

fn push_exists(sql: &mut QueryBuilder<Postgres>, resource: Resource, path: &[String]) {
    push_reached(sql, resource, path, |sql| {
        sql.push("v not in ('null', '{}', '[]')");
    });
}

fn push_any(sql: &mut QueryBuilder<Postgres>, resource: Resource, path: &[String], scalars: &[Scalar]) {
    let literals: Vec<Value> = scalars.iter().flat_map(jsonpath::literals).collect();
    let operand = jsonpath::member(path);
    if jsonpath::is_indexable(&operand, &literals) {
        let predicate = jsonpath::equals_any(&operand, &literals);
        sql.push(resource.search()).push(" @@ ").push_bind(predicate).push("::jsonpath");
    } else {
        push_reached(sql, resource, path, |sql| {
            sql.push("v = any(").push_bind(literals).push(")");
        });
    }
}

/// Numbers are ordered, and texts that are dates.
fn push_bound(sql: &mut QueryBuilder<Postgres>, Comparison { op, bound }: &Comparison) {
    if let Some(number) = bound.number() {
        sql.push("case when jsonb_typeof(v) = 'number' then v::numeric end");
        push_op(sql, *op);
        sql.push_bind(number.to_string()).push("::numeric");
    } else if let Some(instant) = bound.instant() {
        sql.push("rfc3339(case when jsonb_typeof(v) = 'string' then v #>> '{}' end)");
        push_op(sql, *op);
        sql.push_bind(instant);
    } else {
        push_constant(sql, false);
    }
}

/// That one value `v` reached by the path fulfils a condition.
fn push_reached(
    sql: &mut QueryBuilder<Postgres>,
    resource: Resource,
    path: &[String],
    push_condition: impl FnOnce(&mut QueryBuilder<Postgres>),
) {
    sql.push("exists (select from jsonb_path_query(").push(resource.search()).push(", ");
    sql.push_bind(jsonpath::member(path) + "[*]").push("::jsonpath) v where ");
    push_condition(sql);
    sql.push(")");
}
