//! What counts as a date in `q` and in the strings of mixins. The same as the function `rfc3339` of the migrations.

use chrono::{DateTime, NaiveDate, NaiveTime, SubsecRound, Utc};

/// The instant named by an RFC 3339 date-time (offsets below 16 hours, no leap seconds), or by a date (its midnight in UTC);
/// cut to microseconds, which is what Postgres keeps.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    let year = text.get(..4).filter(|year| *year != "0000" && year.bytes().all(|b| b.is_ascii_digit()))?;
    match text.as_bytes().get(year.len() + 6) {
        None => date(text),
        Some(b'T' | b't') => date_time(text),
        Some(_) => None,
    }
}

fn date(text: &str) -> Option<DateTime<Utc>> {
    let midnight = NaiveDate::parse_from_str(text, "%Y-%m-%d").ok()?.and_time(NaiveTime::MIN).and_utc();
    // `parse_from_str` would take `2024-4-17` too.
    (text.len() == "yyyy-mm-dd".len()).then_some(midnight)
}

fn date_time(text: &str) -> Option<DateTime<Utc>> {
    let parsed = DateTime::parse_from_rfc3339(text).ok()?;
    let leap_second = text.get(17..19) == Some("60");
    let usual_offset = parsed.offset().local_minus_utc().abs() < 16 * 3600;
    (text.is_ascii() && !leap_second && usual_offset).then(|| parsed.with_timezone(&Utc).trunc_subsecs(6))
}

#[cfg(test)]
mod tests {
    use super::instant;

    #[test]
    fn dates_and_date_times_are_instants_and_nothing_else_is() {
        let cases = [
            ("2024-04-17T08:00:00.000Z", Some("2024-04-17T08:00:00Z")),
            ("2024-04-17t08:00:00z", Some("2024-04-17T08:00:00Z")),
            ("2024-04-17T10:00:00+02:00", Some("2024-04-17T08:00:00Z")),
            ("2024-04-17T08:00:00.1234569Z", Some("2024-04-17T08:00:00.123456Z")),
            ("2024-02-29", Some("2024-02-29T00:00:00Z")),
            ("2023-02-29", None),
            ("2024-4-17", None),
            ("+2024-4-17", None),
            ("2024-+4-17", None),
            ("2024-04-17T08:00:00\u{2212}02:00", None),
            ("0000-01-01", None),
            ("2024-04-17T08:00:00", None),
            ("2024-04-17 08:00:00Z", None),
            ("2024-04-17T08:00:60Z", None),
            ("2024-04-17T08:00:00+16:00", None),
            ("20", None),
            ("", None),
            ("Golden Segment", None),
        ];
        for (text, expected) in cases {
            let expected = expected.map(|text| text.parse().expect("a date-time"));
            assert_eq!(instant(text), expected, "{text}");
        }
    }
}
