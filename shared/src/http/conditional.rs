//! Conditional requests: `If-Match` and `If-None-Match` (RFC 9110, section 13).

use super::error::ApiError;

/// The entity tags of a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TagCondition {
    /// `*`: any document at all.
    Any,
    /// One of these.
    OneOf(Vec<EntityTag>),
}

/// An entity tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EntityTag {
    /// Whether it is marked with `W/`.
    pub is_weak: bool,
    /// What stands between the quotes.
    pub opaque: String,
}

impl TagCondition {
    /// Reads the value of header `name`.
    ///
    /// # Errors
    /// 400 if it is not `*` or a list of entity tags.
    pub fn parse(name: &str, value: &str) -> Result<Self, ApiError> {
        if value.trim() == "*" {
            return Ok(Self::Any);
        }
        parse_tags(value)
            .map(Self::OneOf)
            .ok_or_else(|| ApiError::invalid_parameter(name, "syntax", "the value must be * or entity tags in quotes"))
    }

    /// Whether the tag of a document meets it; weak tags equal strong ones, as `If-None-Match` has it.
    pub fn matches_weakly(&self, opaque: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| tag.opaque == opaque),
        }
    }

    /// Whether the tag of a document meets it; weak tags never do, as `If-Match` has it.
    pub fn matches_strongly(&self, opaque: &str) -> bool {
        match self {
            Self::Any => true,
            Self::OneOf(tags) => tags.iter().any(|tag| !tag.is_weak && tag.opaque == opaque),
        }
    }
}

fn parse_tags(list: &str) -> Option<Vec<EntityTag>> {
    let mut tags = Vec::new();
    let mut rest = list.trim_start_matches([' ', '\t', ',']);
    while !rest.is_empty() {
        let (is_weak, quoted) = rest.strip_prefix("W/").map_or((false, rest), |quoted| (true, quoted));
        let (opaque, after) = quoted.strip_prefix('"')?.split_once('"')?;
        if opaque.chars().any(|c| c == ' ' || c.is_control()) {
            return None;
        }
        tags.push(EntityTag { is_weak, opaque: opaque.to_owned() });
        let next = after.trim_start_matches([' ', '\t']);
        if !next.is_empty() && !next.starts_with(',') {
            return None;
        }
        rest = next.trim_start_matches([' ', '\t', ',']);
    }
    (!tags.is_empty()).then_some(tags)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_a_star_or_a_list_of_quoted_tags() {
        for (value, strong, weak) in [
            ("*", true, true),
            (r#""a.1""#, true, true),
            (r#""x", "a.1""#, true, true),
            (r#"W/"a.1""#, false, true),
            (r#" , "x",W/"y" "#, false, false),
            (r#""a,1""#, false, false),
        ] {
            let condition = TagCondition::parse("If-Match", value).expect(value);
            assert_eq!(condition.matches_strongly("a.1"), strong, "{value}");
            assert_eq!(condition.matches_weakly("a.1"), weak, "{value}");
        }
        for value in ["", "a.1", r#""a.1"#, r#""a" "b""#, r#""a", *"#, r#"w/"a""#] {
            assert!(TagCondition::parse("If-Match", value).is_err(), "{value}");
        }
    }
}
