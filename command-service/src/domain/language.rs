//! The `Content-Language` of a write: under which language a plain text is stored where a map of languages is kept.

use super::{Fault, FaultKind};

/// The language that a request names for its texts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ContentLanguage {
    /// A plain text is of this language: the one named, or the default when the header is absent.
    One(String),
    /// `*`: texts come as maps only.
    Any,
    /// More than one language: texts come as maps only.
    Several,
}

impl ContentLanguage {
    /// Reads the header; an absent or blank one stands for the default language.
    ///
    /// # Errors
    /// When a language tag is malformed.
    pub fn parse(header: Option<&str>, default_language: &str) -> Result<Self, Fault> {
        let header = header.map(str::trim).filter(|text| !text.is_empty());
        let Some(header) = header else { return Ok(Self::One(default_language.to_owned())) };
        if header == "*" {
            return Ok(Self::Any);
        }
        let tags: Vec<&str> = header.split(',').map(str::trim).collect();
        if let Some(tag) = tags.iter().find(|tag| !is_language_tag(tag)) {
            let message = format!("{tag:?} is not a language tag");
            return Err(Fault::new("Content-Language", FaultKind::Syntax, message));
        }
        Ok(if let [tag] = tags[..] { Self::One(tag.to_owned()) } else { Self::Several })
    }

    /// The language of a plain text.
    pub(super) fn of_plain_text(&self, field: &str) -> Result<&str, Fault> {
        let why = match self {
            Self::One(tag) => return Ok(tag),
            Self::Any => "a map of languages is wanted when Content-Language is '*'",
            Self::Several => "a map of languages is wanted when Content-Language names several",
        };
        Err(Fault::new(field, FaultKind::Type, why))
    }
}

/// Well-formed as in RFC 5646 as far as this service cares: subtags of 1 to 8 letters or digits, the first of letters.
fn is_language_tag(text: &str) -> bool {
    let mut subtags = text.split('-');
    let fits = |subtag: &str| (1..=8).contains(&subtag.len());
    subtags.next().is_some_and(|first| fits(first) && first.bytes().all(|b| b.is_ascii_alphabetic()))
        && subtags.all(|subtag| fits(subtag) && subtag.bytes().all(|b| b.is_ascii_alphanumeric()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_one_language_any_or_several() {
        let one = |tag: &str| ContentLanguage::One(tag.to_owned());
        for (header, expected) in [
            (None, one("en")),
            (Some(""), one("en")),
            (Some(" "), one("en")),
            (Some("*"), ContentLanguage::Any),
            (Some("de"), one("de")),
            (Some(" de-CH "), one("de-CH")),
            (Some("zh-Hant-TW"), one("zh-Hant-TW")),
            (Some("de, en"), ContentLanguage::Several),
        ] {
            assert_eq!(ContentLanguage::parse(header, "en"), Ok(expected), "{header:?}");
        }
        for header in ["d e", "1a", "de-", "-", "de,", "de, *", "abcdefghi", "dé", "de/x"] {
            let kind = ContentLanguage::parse(Some(header), "en").map_err(|fault| fault.kind);
            assert_eq!(kind, Err(FaultKind::Syntax), "{header}");
        }
    }

    #[test]
    fn a_plain_text_needs_one_language() {
        assert_eq!(ContentLanguage::One("de".into()).of_plain_text("name"), Ok("de"));
        for language in [ContentLanguage::Any, ContentLanguage::Several] {
            assert_eq!(
                language.of_plain_text("name").map_err(|f| (f.field, f.kind)),
                Err(("name".into(), FaultKind::Type))
            );
        }
    }
}
