//! Small numbers for ids: bitmaps want them dense.

use std::collections::HashMap;

/// A table that grows moves all that it holds, and whoever asks waits for it: parts do so one at a time.
const PARTS: usize = 64;

/// The ids of one kind and their numbers, from 0. A number is never given away again, as long as the process lives.
#[derive(Debug)]
pub struct Dictionary {
    parts: Vec<HashMap<Box<str>, u32>>,
    len: u32,
}

impl Default for Dictionary {
    fn default() -> Self {
        Self { parts: vec![HashMap::new(); PARTS], len: 0 }
    }
}

impl Dictionary {
    /// How many ids have a number.
    pub fn len(&self) -> u32 {
        self.len
    }

    /// The number of an id, if it has one.
    pub fn get(&self, id: &str) -> Option<u32> {
        self.parts[part_of(id)].get(id).copied()
    }

    /// The number of an id; it is given one if it has none. Whoever counts keeps them below 2³².
    pub fn number(&mut self, id: &str) -> u32 {
        let part = &mut self.parts[part_of(id)];
        if let Some(number) = part.get(id) {
            return *number;
        }
        let number = self.len;
        part.insert(id.into(), number);
        self.len += 1;
        number
    }
}

/// Ids differ most at their ends.
fn part_of(id: &str) -> usize {
    id.bytes().rev().take(3).fold(id.len(), |sum, byte| sum * 31 + usize::from(byte)) % PARTS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_id_has_a_number_of_its_own_and_keeps_it() {
        let mut dictionary = Dictionary::default();
        let ids: Vec<String> = (0..5_000).map(|number| format!("product-{number}")).collect();
        for (id, expected) in ids.iter().zip(0..) {
            assert_eq!(dictionary.get(id), None, "{id}");
            assert_eq!(dictionary.number(id), expected, "{id}");
        }
        assert!(ids.iter().zip(0..).all(|(id, number)| dictionary.get(id) == Some(number)));
        assert_eq!((dictionary.number("product-7"), dictionary.len()), (7, 5_000));
        let fullest = dictionary.parts.iter().map(HashMap::len).max();
        assert!(fullest < Some(400), "{fullest:?}");
    }
}
