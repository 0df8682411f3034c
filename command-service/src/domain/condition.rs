//! Entity tags, and the conditions that a request puts on them (RFC 9110, sections 8.8.3 and 13.1).

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::{Fault, FaultKind, Rejection};

/// The strong tag of a document: `<incarnation, 8 hex digits>.<version>`. A document that was created again under its old id
/// has another incarnation, so no tag is ever used twice. Written here without the quotes of the header.
///
/// Reads add a third part where they show one version in several ways: `.` and 16 hex digits, a hash of the body. It says
/// nothing of what a write may change, so it is read and forgotten.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ETag {
    /// The last 8 hex digits of the id of the event that created the document.
    pub incarnation: u32,
    /// The document's version.
    pub version: u64,
}

impl fmt::Display for ETag {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:08x}.{}", self.incarnation, self.version)
    }
}

/// The text is not one of our tags.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an entity tag of this service")]
pub struct InvalidETag;

impl FromStr for ETag {
    type Err = InvalidETag;

    fn from_str(text: &str) -> Result<Self, InvalidETag> {
        let text = without_hash(text);
        let (incarnation, version) = text.split_once('.').ok_or(InvalidETag)?;
        let incarnation = u32::from_str_radix(incarnation, 16).map_err(|_| InvalidETag)?;
        let tag = Self { incarnation, version: version.parse().map_err(|_| InvalidETag)? };
        // One tag has one spelling: no sign, no capitals, no leading zeros.
        if tag.to_string() == text { Ok(tag) } else { Err(InvalidETag) }
    }
}

/// The tag without the part that tells how its document was shown.
fn without_hash(text: &str) -> &str {
    let is_hash = |part: &str| part.len() == 16 && part.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    match text.rsplit_once('.') {
        Some((tag, part)) if tag.contains('.') && is_hash(part) => tag,
        _ => text,
    }
}

/// The value of an `If-Match` header.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum IfMatch {
    /// `*`: the document exists.
    Any,
    /// The document has one of these tags. Weak tags and tags of other makers never match and are left out.
    Tags(Vec<ETag>),
}

impl IfMatch {
    /// Reads the header; several lines of it are to be joined with commas.
    ///
    /// # Errors
    /// When it is neither `*` nor a list of entity tags.
    pub fn parse(header: &str) -> Result<Self, Fault> {
        let malformed = || Fault::new("If-Match", FaultKind::Syntax, "'*' or a list of entity tags is wanted");
        if header.trim() == "*" {
            return Ok(Self::Any);
        }
        let mut tags = Vec::new();
        let mut seen = false;
        let mut rest = header.trim_start_matches([' ', '\t', ',']);
        while !rest.is_empty() {
            let strong = !rest.starts_with("W/");
            let quoted = rest.strip_prefix("W/").unwrap_or(rest).strip_prefix('"').ok_or_else(malformed)?;
            let (opaque, behind) = quoted.split_once('"').ok_or_else(malformed)?;
            if opaque.chars().any(|c| c <= ' ' || c == '\u{7f}') {
                return Err(malformed());
            }
            tags.extend(opaque.parse().ok().filter(|_: &ETag| strong));
            seen = true;
            let behind = behind.trim_start_matches([' ', '\t']);
            if !behind.is_empty() && !behind.starts_with(',') {
                return Err(malformed());
            }
            rest = behind.trim_start_matches([' ', '\t', ',']);
        }
        if seen { Ok(Self::Tags(tags)) } else { Err(malformed()) }
    }

    fn holds_for(&self, current: Option<ETag>) -> bool {
        match (self, current) {
            (Self::Any | Self::Tags(_), None) => false,
            (Self::Any, Some(_)) => true,
            (Self::Tags(tags), Some(current)) => tags.contains(&current),
        }
    }
}

/// What must hold for a document before it is touched.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Condition {
    /// `If-Match`.
    pub if_match: Option<IfMatch>,
    /// `If-None-Match: *`: the document does not exist.
    pub if_none_match_any: bool,
}

impl Condition {
    pub(super) fn check(&self, current: Option<ETag>) -> Result<(), Rejection> {
        let matched = self.if_match.as_ref().is_none_or(|tags| tags.holds_for(current));
        let absent = !self.if_none_match_any || current.is_none();
        if matched && absent { Ok(()) } else { Err(Rejection::PreconditionFailed) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TAG: ETag = ETag { incarnation: 0x00ab_cdef, version: 7 };

    #[test]
    fn a_tag_has_one_spelling() {
        assert_eq!(TAG.to_string(), "00abcdef.7");
        assert_eq!("00abcdef.7".parse(), Ok(TAG));
        assert_eq!("00abcdef.7.0123456789abcdef".parse(), Ok(TAG), "of a body");
        for text in [
            "",
            "00abcdef",
            "abcdef.7",
            "00ABCDEF.7",
            "00abcdef.07",
            "+0abcdef.7",
            "00abcdef.+7",
            "00abcdef.7 ",
            "00abcdef.7.",
            "00abcdef.7.0123456789abcde",
            "00abcdef.7.0123456789ABCDEF",
            "00abcdef.0123456789abcdef",
        ] {
            assert_eq!(text.parse::<ETag>(), Err(InvalidETag), "{text:?}");
        }
    }

    #[test]
    fn if_match_is_a_star_or_a_list_of_tags() {
        let ours = IfMatch::Tags(vec![TAG]);
        for (header, expected) in [
            ("*", IfMatch::Any),
            (" * ", IfMatch::Any),
            (r#""00abcdef.7""#, ours.clone()),
            (r#" , "x,y" ,W/"00abcdef.8" , "00abcdef.7","#, ours),
            (r#"W/"00abcdef.7""#, IfMatch::Tags(vec![])),
            (r#""""#, IfMatch::Tags(vec![])),
        ] {
            assert_eq!(IfMatch::parse(header), Ok(expected), "{header}");
        }
        for header in ["", " , ", "00abcdef.7", r#""a"#, r#""a" "b""#, r#""a b""#, r#"*, "a""#, r#"w/"a""#] {
            assert_eq!(IfMatch::parse(header).map_err(|fault| fault.kind), Err(FaultKind::Syntax), "{header:?}");
        }
    }

    #[test]
    fn conditions_are_judged_by_the_present_tag() {
        let other = ETag { version: 8, ..TAG };
        let matching = |if_match| Condition { if_match: Some(if_match), if_none_match_any: false };
        let create_only = Condition { if_match: None, if_none_match_any: true };
        for (case, condition, current, holds) in [
            ("none, absent", Condition::default(), None, true),
            ("none, present", Condition::default(), Some(TAG), true),
            ("star, absent", matching(IfMatch::Any), None, false),
            ("star, present", matching(IfMatch::Any), Some(TAG), true),
            ("tag, absent", matching(IfMatch::Tags(vec![TAG])), None, false),
            ("tag, present", matching(IfMatch::Tags(vec![other, TAG])), Some(TAG), true),
            ("tag, changed", matching(IfMatch::Tags(vec![TAG])), Some(other), false),
            ("create only, absent", create_only.clone(), None, true),
            ("create only, present", create_only, Some(TAG), false),
        ] {
            assert_eq!(condition.check(current).is_ok(), holds, "{case}");
        }
    }
}
