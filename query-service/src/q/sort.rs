//! `sort`: `key *( "," key )`, `key = path [ ":" direction ]`.

use sqlx::{Postgres, QueryBuilder};

use super::{
    Resource,
    field::{self, Member, Source, Target},
    parser::is_ident,
    sql::jsonpath,
};

/// The most keys that a sort can have.
const MAX_KEYS: usize = 20;

/// An order of rows: the keys asked for, then what makes rows unique, so that pages never overlap.
#[derive(Debug, Clone, PartialEq)]
pub struct Sort {
    resource: Resource,
    keys: Vec<Key>,
}

#[derive(Debug, Clone, PartialEq)]
struct Key {
    target: Target,
    descending: bool,
}

/// Why a sort is refused: 400.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// No word where a field has to be.
    #[error("expected a field, such as `name.en:ASC`, instead of `{0}`")]
    FieldExpected(String),
    /// The first word of the field names nothing.
    #[error("there is no field `{0}` to sort by")]
    UnknownField(String),
    /// Neither ASC nor DESC.
    #[error("the direction is ASC or DESC, not `{0}`")]
    UnknownDirection(String),
    /// More than [`MAX_KEYS`].
    #[error("a sort has at most {MAX_KEYS} keys")]
    TooManyKeys,
}

impl Sort {
    /// Parses a percent-decoded `sort`; blank is the default order. A localized field without language is sorted by its
    /// translation into `language`.
    pub fn parse(text: &str, resource: Resource, language: &str) -> Result<Self, Error> {
        let mut keys = Vec::new();
        for key in text.split(',').map(str::trim) {
            if !text.trim().is_empty() {
                keys.push(Key::parse(key, resource, language)?);
            }
        }
        if keys.len() > MAX_KEYS {
            return Err(Error::TooManyKeys);
        }
        Ok(Self { resource, keys })
    }

    /// Appends ` order by …`. Aliases as in [`push_filter`](super::sql::push_filter).
    pub fn push_order_by(&self, sql: &mut QueryBuilder<Postgres>) {
        sql.push(" order by ");
        for Key { target, descending } in &self.keys {
            match target {
                // Empty comes before every other text, as missing values do.
                Target::Text(column) | Target::TextOrEmpty(column) | Target::Integer(column) => {
                    push_column(sql, column, *descending, false);
                }
                Target::Instant { column, nullable } => push_column(sql, column, *descending, *nullable),
                Target::Localized { member, language } => {
                    push_translation(sql, *member, language.as_deref().unwrap_or_default(), *descending);
                }
                Target::Known { source, column } => push_known(sql, *source, column, *descending),
                Target::ItemName { language } => {
                    push_item_name(sql, language.as_deref().unwrap_or_default(), *descending);
                }
                Target::Json(path) => push_free_form(sql, self.resource, path, *descending),
                // No order among objects, nor where nothing is.
                Target::Validity | Target::Present | Target::PresentWith(_) | Target::Absent => {}
            }
        }
        // A column that is sorted by already costs nothing when it is named again.
        sql.push(self.resource.key().join(", "));
    }
}

impl Key {
    fn parse(text: &str, resource: Resource, language: &str) -> Result<Self, Error> {
        let (path, direction) = text.split_once(':').unwrap_or((text, "asc"));
        let words: Vec<String> = path.split('.').map(str::to_owned).collect();
        if words.iter().any(|word| word.is_empty() || !word.chars().all(is_ident)) {
            return Err(Error::FieldExpected(path.chars().take(40).collect()));
        }
        if !resource.roots().contains(&words[0].as_str()) {
            return Err(Error::UnknownField(words[0].clone()));
        }
        let descending = match direction {
            _ if direction.eq_ignore_ascii_case("asc") => false,
            _ if direction.eq_ignore_ascii_case("desc") => true,
            _ => return Err(Error::UnknownDirection(direction.chars().take(40).collect())),
        };
        let target = match field::resolve(resource, &words) {
            Target::Localized { member, language: None } => {
                Target::Localized { member, language: Some(language.to_ascii_lowercase()) }
            }
            Target::ItemName { language: None } => Target::ItemName { language: Some(language.to_ascii_lowercase()) },
            target => target,
        };
        Ok(Self { target, descending })
    }
}

/// Missing values come first ascending and last descending; a column that is never null is left to its index.
fn push_column(sql: &mut QueryBuilder<Postgres>, column: &'static str, descending: bool, nullable: bool) {
    sql.push(column);
    push_direction(sql, descending, nullable);
}

fn push_translation(sql: &mut QueryBuilder<Postgres>, member: Member, language: &str, descending: bool) {
    let path = format!("$.{}[*] ? (@.l == {}).v", member.as_str(), jsonpath::string(language));
    sql.push("(jsonb_path_query_first(s.search, ").push_bind(path).push("::jsonpath) #>> '{}') collate \"C\"");
    push_direction(sql, descending, true);
}

fn push_known(sql: &mut QueryBuilder<Postgres>, source: Source, column: &'static str, descending: bool) {
    sql.push("(select ").push(column).push(" from ").push(source.as_sql()).push(")");
    push_direction(sql, descending, true);
}

fn push_item_name(sql: &mut QueryBuilder<Postgres>, language: &str, descending: bool) {
    sql.push(
        "(select (select min(t.value collate \"C\") from jsonb_each_text(n.name) t where lower(t.key collate \"C\") = ",
    );
    sql.push_bind(language.to_owned()).push(") from ").push(Source::Item.as_sql()).push(")");
    push_direction(sql, descending, true);
}

/// By the first scalar that the path reaches: booleans, then numbers, then texts.
fn push_free_form(sql: &mut QueryBuilder<Postgres>, resource: Resource, path: &[String], descending: bool) {
    let scalar = r#"@.type() == "boolean" || @.type() == "number" || @.type() == "string""#;
    let path = format!("{}[*] ? ({scalar})", jsonpath::member(path));
    let keys = [
        "case jsonb_typeof(v) when 'boolean' then 1 when 'number' then 2 when 'string' then 3 end",
        "case when jsonb_typeof(v) = 'number' then v::numeric end",
        "case when jsonb_typeof(v) <> 'number' then v #>> '{}' end collate \"C\"",
    ];
    for key in keys {
        sql.push("(select ").push(key).push(" from jsonb_path_query_first(").push(resource.search()).push(", ");
        sql.push_bind(path.clone()).push("::jsonpath) v)");
        push_direction(sql, descending, true);
    }
}

/// Ends with a comma: the tie-breakers follow.
fn push_direction(sql: &mut QueryBuilder<Postgres>, descending: bool, nullable: bool) {
    sql.push(match (descending, nullable) {
        (false, false) => ", ",
        (true, false) => " desc, ",
        (false, true) => " nulls first, ",
        (true, true) => " desc nulls last, ",
    });
}
