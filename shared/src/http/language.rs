//! `Accept-Language` on reads: RFC 4647 lookup over the languages of a document.

/// What a client wants to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AcceptedLanguages {
    /// The ranges, best first; `*` among them means all languages.
    ranges: Vec<String>,
}

/// What to show of a text in several languages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'a> {
    /// All of it.
    All,
    /// This language only, named as the document names it.
    Only(&'a str),
}

impl AcceptedLanguages {
    /// Everything: what a client wants that does not say.
    pub fn all() -> Self {
        Self { ranges: Vec::new() }
    }

    /// Reads the header. What is malformed counts as not sent.
    pub fn parse(header: Option<&str>) -> Self {
        header.and_then(parse_ranges).map_or_else(Self::all, |ranges| Self { ranges })
    }

    /// Whether documents are to be shown whole.
    pub fn wants_all(&self) -> bool {
        self.ranges.first().is_none_or(|range| range == "*")
    }

    /// The first language that is not `*`, as the client wrote it.
    pub fn first_concrete(&self) -> Option<&str> {
        self.ranges.iter().map(String::as_str).find(|range| *range != "*")
    }

    /// Chooses among the languages of a text: the first that matches, else the default, else all.
    pub fn choose<'a>(&self, available: impl Iterator<Item = &'a str> + Clone, default: &str) -> Shown<'a> {
        if self.wants_all() {
            return Shown::All;
        }
        let find = |wanted: &str| available.clone().find(|tag| tag.eq_ignore_ascii_case(wanted));
        for range in &self.ranges {
            if range == "*" {
                return Shown::All;
            }
            let mut prefix = Some(range.as_str());
            while let Some(wanted) = prefix {
                if let Some(tag) = find(wanted) {
                    return Shown::Only(tag);
                }
                prefix = shortened(wanted);
            }
        }
        find(default).map_or(Shown::All, Shown::Only)
    }
}

/// RFC 4647, section 3.4: without the last subtag, and without a single letter that is then the last.
fn shortened(range: &str) -> Option<&str> {
    let (mut rest, _) = range.rsplit_once('-')?;
    if let Some((shorter, last)) = rest.rsplit_once('-')
        && last.len() == 1
    {
        rest = shorter;
    }
    Some(rest)
}

fn parse_ranges(header: &str) -> Option<Vec<String>> {
    let mut weighted = Vec::new();
    for part in header.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let mut pieces = part.split(';').map(str::trim);
        let range = pieces.next().filter(|range| is_range(range))?;
        let weight = match pieces.next() {
            None => 1000,
            Some(parameter) => parse_weight(parameter)?,
        };
        if pieces.next().is_some() {
            return None;
        }
        weighted.push((weight, range.to_owned()));
    }
    weighted.retain(|(weight, _)| *weight > 0);
    // The sort is stable: ranges of the same weight keep the client's order.
    weighted.sort_by_key(|(weight, _)| std::cmp::Reverse(*weight));
    Some(weighted.into_iter().map(|(_, range)| range).collect())
}

/// Whether the text is a language tag or range: subtags of 1 to 8 letters and digits.
pub fn is_range(text: &str) -> bool {
    let is_subtag = |part: &str| (1..=8).contains(&part.len()) && part.bytes().all(|byte| byte.is_ascii_alphanumeric());
    text == "*" || (text.split('-').all(is_subtag) && text.starts_with(|c: char| c.is_ascii_alphabetic()))
}

/// `q=` and a number from 0 to 1 with at most three decimals, in thousandths.
fn parse_weight(parameter: &str) -> Option<u32> {
    let number = parameter.strip_prefix("q=").or_else(|| parameter.strip_prefix("Q="))?;
    let (whole, decimals) = number.split_once('.').unwrap_or((number, ""));
    if decimals.len() > 3 || !decimals.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let thousandths: u32 = format!("{decimals:0<3}").parse().ok()?;
    match (whole, thousandths) {
        ("0", _) => Some(thousandths),
        ("1", 0) => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_language_that_matches_is_shown() {
        for (header, available, expected) in [
            (None, vec!["en", "de"], Shown::All),
            (Some(""), vec!["en", "de"], Shown::All),
            (Some("*"), vec!["en", "de"], Shown::All),
            (Some("de"), vec!["en", "de"], Shown::Only("de")),
            (Some("fr,de;q=0.5"), vec!["en", "de"], Shown::Only("de")),
            (Some("de;q=0.5,en;q=0.8"), vec!["en", "de"], Shown::Only("en")),
            (Some("de-CH"), vec!["en", "de"], Shown::Only("de")),
            (Some("zh-Hant-x-foo"), vec!["en", "zh-hant"], Shown::Only("zh-hant")),
            (Some("DE"), vec!["en", "de"], Shown::Only("de")),
            (Some("de"), vec!["de-CH"], Shown::All),
            (Some("it"), vec!["en", "de"], Shown::Only("en")),
            (Some("it"), vec!["de"], Shown::All),
            (Some("it,*;q=0.1"), vec!["en", "de"], Shown::All),
            (Some("de;q=0"), vec!["en", "de"], Shown::All),
            (Some("de;q=2"), vec!["en", "de"], Shown::All),
            (Some("d e"), vec!["en", "de"], Shown::All),
            (Some("de;q=0.5;x=1"), vec!["en", "de"], Shown::All),
        ] {
            let chosen = AcceptedLanguages::parse(header).choose(available.iter().copied(), "en");
            assert_eq!(chosen, expected, "{header:?}");
        }
    }

    #[test]
    fn sorting_goes_by_the_first_concrete_language() {
        for (header, expected) in [("*,de;q=0.5", Some("de")), ("fr;q=0.1,it", Some("it")), ("*", None)] {
            assert_eq!(AcceptedLanguages::parse(Some(header)).first_concrete(), expected, "{header}");
        }
    }
}
