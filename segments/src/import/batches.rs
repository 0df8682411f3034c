//! From lines of a file to requests: up to 200 entries of one kind at once, put or removed.
//!
//! Kinds wait for their requests side by side, since they never concern the same entry. Within a kind the order of the file
//! is kept: a removal between two puts ends the request before it.

use std::collections::BTreeMap;

use serde_json::Value;
use shared::reference::Kind;

/// The most entries of a request that the API takes.
const MAX_ENTRIES: usize = 200;
/// The most bytes of lines in a request, below the 10 MiB that the API takes.
const MAX_BYTES: usize = 8 * 1024 * 1024;

/// What is asked of all entries of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// They are now so.
    Put,
    /// They are gone.
    Delete,
}

/// A line that cannot be sent.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum InvalidLine {
    /// It is not JSON, or not an object.
    #[error("the line is not a JSON object")]
    Syntax,
    /// It does not say what it is about.
    #[error("the line needs a kind: customer, legalEntity, product, category or productCategory")]
    Kind,
    /// `delete` is there and neither true nor false.
    #[error("delete is true or false")]
    Delete,
}

/// One request.
#[derive(Debug, PartialEq)]
pub struct Batch {
    /// The kind of its entries.
    pub kind: Kind,
    /// What is asked.
    pub action: Action,
    /// Its entries.
    pub entries: Vec<Value>,
    /// The number of each entry's line, from 1.
    pub lines: Vec<usize>,
    bytes: usize,
}

/// Collects lines.
#[derive(Debug, Default)]
pub struct Batches(BTreeMap<Kind, Batch>);

impl Batches {
    /// Takes a line; gives the request that it ends, if it ends one.
    ///
    /// # Errors
    /// When the line is none that can be sent.
    pub fn take(&mut self, number: usize, line: &str) -> Result<Option<Batch>, InvalidLine> {
        let (kind, action, entry) = parse(line)?;
        let new = || Batch { kind, action, entries: Vec::new(), lines: Vec::new(), bytes: 0 };
        let batch = self.0.entry(kind).or_insert_with(new);
        let is_full = batch.entries.len() == MAX_ENTRIES || batch.bytes + line.len() > MAX_BYTES;
        let ended =
            (batch.action != action || (is_full && !batch.entries.is_empty())).then(|| std::mem::replace(batch, new()));
        batch.entries.push(entry);
        batch.lines.push(number);
        batch.bytes += line.len();
        Ok(ended)
    }

    /// The requests that no line has ended.
    pub fn rest(self) -> impl Iterator<Item = Batch> {
        self.0.into_values()
    }
}

/// An entry as it stands in the API, with its `kind`, and with `delete` if it is to be removed.
fn parse(line: &str) -> Result<(Kind, Action, Value), InvalidLine> {
    let Ok(Value::Object(mut entry)) = serde_json::from_str(line) else { return Err(InvalidLine::Syntax) };
    let kind = entry.remove("kind").as_ref().and_then(Value::as_str).and_then(Kind::parse).ok_or(InvalidLine::Kind)?;
    let action = match entry.remove("delete") {
        None | Some(Value::Bool(false)) => Action::Put,
        Some(Value::Bool(true)) => Action::Delete,
        Some(_) => return Err(InvalidLine::Delete),
    };
    Ok((kind, action, Value::Object(entry)))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    /// Kind, action and lines of each request that these lines make.
    fn requests(lines: &[Value]) -> Vec<(Kind, Action, Vec<usize>)> {
        let mut batches = Batches::default();
        let mut made = Vec::new();
        for (line, number) in lines.iter().zip(1..) {
            made.extend(batches.take(number, &line.to_string()).expect("a line"));
        }
        made.extend(batches.rest());
        made.into_iter().map(|batch| (batch.kind, batch.action, batch.lines)).collect()
    }

    #[test]
    fn kinds_are_collected_side_by_side() {
        let lines = [
            json!({ "kind": "product", "id": "p1" }),
            json!({ "kind": "category", "id": "k1" }),
            json!({ "kind": "product", "id": "p2" }),
        ];
        let expected = [(Kind::Product, Action::Put, vec![1, 3]), (Kind::Category, Action::Put, vec![2])];
        assert_eq!(requests(&lines), expected);
    }

    #[test]
    fn puts_and_removals_of_a_kind_keep_their_order() {
        let put = json!({ "kind": "product", "id": "p1", "delete": false });
        let delete = json!({ "kind": "product", "id": "p1", "delete": true });
        let of = |action, line| (Kind::Product, action, vec![line]);
        let expected = [of(Action::Put, 1), of(Action::Delete, 2), of(Action::Put, 3)];
        assert_eq!(requests(&[put.clone(), delete, put]), expected);
    }

    #[test]
    fn a_request_has_no_more_entries_and_bytes_than_the_api_takes() {
        let small: Vec<_> = (0..401).map(|id| json!({ "kind": "product", "id": id.to_string() })).collect();
        let sizes = |lines: &[Value]| requests(lines).into_iter().map(|(.., lines)| lines.len()).collect::<Vec<_>>();
        assert_eq!(sizes(&small), [200, 200, 1]);
        let large = json!({ "kind": "product", "id": "p1", "name": { "en": "x".repeat(5 * 1024 * 1024) } });
        assert_eq!(sizes(&[large.clone(), large]), [1, 1]);
    }

    #[test]
    fn kind_and_action_are_taken_out_of_an_entry() {
        let mut batches = Batches::default();
        batches.take(1, r#"{"kind":"product","id":"p1","delete":true}"#).expect("a line");
        let batch = batches.rest().next().expect("a request");
        assert_eq!(batch.entries, [json!({ "id": "p1" })]);
    }

    #[test]
    fn lines_that_cannot_be_sent_are_told_apart() {
        for (line, why) in [
            ("{", InvalidLine::Syntax),
            ("[]", InvalidLine::Syntax),
            (r#"{"id":"p1"}"#, InvalidLine::Kind),
            (r#"{"kind":"segment","id":"g1"}"#, InvalidLine::Kind),
            (r#"{"kind":"product","id":"p1","delete":"yes"}"#, InvalidLine::Delete),
        ] {
            assert_eq!(Batches::default().take(1, line), Err(why), "{line}");
        }
    }
}
