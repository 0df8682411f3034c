//! A hash of a row: the same as `hash_record_extended(row(…), 0)` in PostgreSQL, for the types that are used here.

use shared::Timestamp;
use uuid::Uuid;

/// Microseconds from 1970 to 2000, from where PostgreSQL counts.
const EPOCH: i64 = 946_684_800_000_000;

/// The columns of a row, as far as they were added.
#[derive(Debug, Clone, Copy, Default)]
pub struct Row(u64);

impl Row {
    /// A `text`.
    pub fn text(self, text: &str) -> Self {
        self.column(hash(text.as_bytes()))
    }

    /// One that may be null.
    pub fn maybe(self, text: Option<&str>) -> Self {
        text.map_or(self.null(), |text| self.text(text))
    }

    /// A `smallint`.
    pub fn small(self, number: u16) -> Self {
        self.column(hash_of(u32::from(number)))
    }

    /// A `bigint`.
    pub fn number(self, number: i64) -> Self {
        let (low, high) = (number as u32, (number >> 32) as u32);
        self.column(hash_of(low ^ if number >= 0 { high } else { !high }))
    }

    /// A `timestamptz`.
    pub fn time(self, at: Timestamp) -> Self {
        self.number(at.datetime().timestamp_micros() - EPOCH)
    }

    /// A `uuid`.
    pub fn uuid(self, id: Uuid) -> Self {
        self.column(hash(id.as_bytes()))
    }

    /// Null, of whatever type.
    pub fn null(self) -> Self {
        self.column(0)
    }

    /// Of all of them.
    pub fn hash(self) -> i64 {
        self.0 as i64
    }

    fn column(self, hash: u64) -> Self {
        Self(self.0.wrapping_mul(31).wrapping_add(hash))
    }
}

/// Bob Jenkins' lookup3, as PostgreSQL has it (`hash_bytes_extended` in `src/common/hashfn.c`), with the seed 0.
fn hash(bytes: &[u8]) -> u64 {
    let begin = beginning(bytes.len());
    let (mut a, mut b, mut c) = (begin, begin, begin);
    let (whole, rest) = bytes.as_chunks::<12>();
    for twelve in whole {
        a = a.wrapping_add(word(&twelve[0..4]));
        b = b.wrapping_add(word(&twelve[4..8]));
        c = c.wrapping_add(word(&twelve[8..12]));
        (a, b, c) = mix(a, b, c);
    }
    let part = |from: usize, to: usize| word(rest.get(from.min(rest.len())..to.min(rest.len())).unwrap_or_default());
    a = a.wrapping_add(part(0, 4));
    b = b.wrapping_add(part(4, 8));
    // The lowest byte of `c` is that of the length.
    c = c.wrapping_add(part(8, 12) << 8);
    finish(a, b, c)
}

/// The same of four bytes (`hash_bytes_uint32_extended`).
fn hash_of(number: u32) -> u64 {
    let begin = beginning(size_of::<u32>());
    finish(begin.wrapping_add(number), begin, begin)
}

fn beginning(length: usize) -> u32 {
    0x9e37_79b9_u32.wrapping_add(length as u32).wrapping_add(3_923_095)
}

/// Up to four bytes, the least first.
fn word(bytes: &[u8]) -> u32 {
    bytes.iter().rev().fold(0, |word, byte| (word << 8) | u32::from(*byte))
}

fn mix(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32, u32) {
    for [first, second, third] in [[4, 6, 8], [16, 19, 4]] {
        a = a.wrapping_sub(c) ^ c.rotate_left(first);
        c = c.wrapping_add(b);
        b = b.wrapping_sub(a) ^ a.rotate_left(second);
        a = a.wrapping_add(c);
        c = c.wrapping_sub(b) ^ b.rotate_left(third);
        b = b.wrapping_add(a);
    }
    (a, b, c)
}

fn finish(mut a: u32, mut b: u32, mut c: u32) -> u64 {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    (u64::from(b) << 32) | u64::from(c)
}

#[cfg(test)]
mod tests {
    use sqlx::{Connection as _, PgConnection};

    use super::*;

    #[tokio::test]
    async fn a_hash_is_that_of_postgresql() {
        let database = local_parts::testing::database().await;
        let mut connection = PgConnection::connect(database.url()).await.expect("connected");
        let long = "Größe ✓ and what else a document says, ".repeat(40);
        for length in (0..60).chain([500, 1000]) {
            let text: String = long.chars().take(length).collect();
            let theirs: i64 = sqlx::query_scalar("select hash_record_extended(row($1), 0)")
                .bind(&text)
                .fetch_one(&mut connection)
                .await
                .expect("a number");
            assert_eq!(Row::default().text(&text).hash(), theirs, "{text:?}");
        }
        let id = Uuid::now_v7();
        for number in [0, 1, -1, 77, i64::MAX, i64::MIN, 1 << 40, -(1 << 40)] {
            let theirs: i64 = sqlx::query_scalar(
                "select hash_record_extended(row('a'::text, 7::smallint, $1, null::text, $2, to_timestamp($3 / 1000.0)), 0)",
            )
            .bind(number)
            .bind(id)
            .bind(number % 4_000_000_000_000)
            .fetch_one(&mut connection)
            .await
            .expect("a number");
            let at = Timestamp::from_unix_millis(number % 4_000_000_000_000);
            let row = Row::default().text("a").small(7).number(number).maybe(None).uuid(id).time(at);
            assert_eq!(row.hash(), theirs, "{number}");
        }
    }
}
