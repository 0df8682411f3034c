//! Conditions on name and description, kept in `s.search` as `[{"l": language, "v": text}]`.

use serde_json::Value;
use sqlx::{Postgres, QueryBuilder};

use super::{column, jsonpath};
use crate::q::{ast::Test, field::Member, scalar::Scalar};

/// Without a language: any translation.
pub fn push(sql: &mut QueryBuilder<Postgres>, member: Member, language: Option<&str>, test: &Test) {
    match test {
        Test::Missing => {
            sql.push("not (");
            push_exists(sql, member, language);
            sql.push(")");
        }
        Test::Exists => push_exists(sql, member, language),
        Test::AnyOf(scalars) => push_any(sql, member, language, scalars),
        Test::Within(bounds) => push_translation(sql, member, language, |sql| {
            column::push_instants(sql, "rfc3339(t ->> 'v')", bounds);
        }),
        Test::Matches(pattern) => {
            sql.push("s.texts ~ ").push_bind(pattern.candidates().to_owned()).push(" and ");
            push_translation(sql, member, language, |sql| {
                sql.push("(t ->> 'v') collate \"C\" ~ ").push_bind(pattern.exact().to_owned());
            });
        }
    }
}

fn push_exists(sql: &mut QueryBuilder<Postgres>, member: Member, language: Option<&str>) {
    match language {
        // Written as in the condition of the partial index.
        None => sql.push("s.search ? '").push(member.as_str()).push("'"),
        Some(language) => {
            let path = format!("$.{}[*].l == {}", member.as_str(), jsonpath::string(language));
            sql.push("s.search @@ ").push_bind(path).push("::jsonpath")
        }
    };
}

fn push_any(sql: &mut QueryBuilder<Postgres>, member: Member, language: Option<&str>, scalars: &[Scalar]) {
    let texts: Vec<Value> = scalars.iter().map(|scalar| Value::from(scalar.text.as_str())).collect();
    if !jsonpath::is_indexable("@.v", &texts) {
        let texts: Vec<String> = scalars.iter().map(|scalar| scalar.text.clone()).collect();
        return push_translation(sql, member, language, |sql| {
            sql.push("t ->> 'v' = any(").push_bind(texts).push(")");
        });
    }
    let path = match language {
        None => jsonpath::equals_any(&format!("$.{}[*].v", member.as_str()), &texts),
        Some(language) => {
            let language = jsonpath::string(language);
            format!("exists($.{}[*] ? (@.l == {language} && {}))", member.as_str(), jsonpath::equals_any("@.v", &texts))
        }
    };
    sql.push("s.search @@ ").push_bind(path).push("::jsonpath");
}

/// That one translation `t` fulfils a condition.
fn push_translation(
    sql: &mut QueryBuilder<Postgres>,
    member: Member,
    language: Option<&str>,
    push_condition: impl FnOnce(&mut QueryBuilder<Postgres>),
) {
    sql.push("exists (select from jsonb_array_elements(s.search -> '").push(member.as_str()).push("') t where ");
    if let Some(language) = language {
        sql.push("t ->> 'l' = ").push_bind(language.to_owned()).push(" and ");
    }
    push_condition(sql);
    sql.push(")");
}
