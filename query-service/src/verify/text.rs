//! A row as a text, and a hash of it: the same as `hashtextextended(concat_ws(e'\x1f', …), 0)` in PostgreSQL.

use std::fmt::{Display, Write as _};

/// Between columns, and for one that is null: characters that no id has.
const BETWEEN: char = '\x1f';
const NULL: &str = "\x1e";

/// The columns of a row.
#[derive(Debug, Default)]
pub struct Text(String);

impl Text {
    /// One more.
    pub fn and(mut self, column: impl Display) -> Self {
        if !self.0.is_empty() {
            self.0.push(BETWEEN);
        }
        // Writing to a string cannot fail.
        let _ = write!(self.0, "{column}");
        self
    }

    /// One that may be null.
    pub fn maybe(self, column: Option<impl Display>) -> Self {
        match column {
            Some(column) => self.and(column),
            None => self.and(NULL),
        }
    }

    /// Of all of them.
    pub fn hash(&self) -> i64 {
        hash(self.0.as_bytes())
    }
}

/// Bob Jenkins' lookup3, as PostgreSQL has it (`hash_bytes_extended` in `src/common/hashfn.c`), with the seed 0.
pub fn hash(bytes: &[u8]) -> i64 {
    let begin = 0x9e37_79b9_u32.wrapping_add(bytes.len() as u32).wrapping_add(3_923_095);
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
    let (b, c) = finish(a, b, c);
    ((u64::from(b) << 32) | u64::from(c)) as i64
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

fn finish(mut a: u32, mut b: u32, mut c: u32) -> (u32, u32) {
    c = (c ^ b).wrapping_sub(b.rotate_left(14));
    a = (a ^ c).wrapping_sub(c.rotate_left(11));
    b = (b ^ a).wrapping_sub(a.rotate_left(25));
    c = (c ^ b).wrapping_sub(b.rotate_left(16));
    a = (a ^ c).wrapping_sub(c.rotate_left(4));
    b = (b ^ a).wrapping_sub(a.rotate_left(14));
    c = (c ^ b).wrapping_sub(b.rotate_left(24));
    (b, c)
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
            let theirs: i64 = sqlx::query_scalar("select hashtextextended($1, 0)")
                .bind(&text)
                .fetch_one(&mut connection)
                .await
                .expect("a number");
            assert_eq!(hash(text.as_bytes()), theirs, "{text:?}");
        }
        let row = Text::default().and("a").and(7).maybe(None::<&str>).maybe(Some(-1));
        let theirs: i64 =
            sqlx::query_scalar("select hashtextextended(concat_ws(e'\\x1f', 'a', 7, coalesce(null, e'\\x1e'), -1), 0)")
                .fetch_one(&mut connection)
                .await
                .expect("a number");
        assert_eq!(row.hash(), theirs);
    }
}
