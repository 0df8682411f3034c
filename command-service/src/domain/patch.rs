//! PATCH: `add`, `remove` and `replace` of RFC 6902 on the members of a segment that clients own.
//!
//! The operations of a request are applied in order to the document; then the whole is checked like the body of a put. What
//! the event carries are normalised operations: applied by RFC 6902 alone to the JSON of the document before, they give
//! exactly the JSON of the document after, but for `/metadata/version` and `/metadata/modifiedAt`, which every event
//! changes and no operation may name. Hence, beside what the client wrote:
//! - a parent that the contract creates is an operation of its own;
//! - a plain text for a map of languages is written as the one entry that it sets;
//! - a member that the check left otherwise than the operations did (dates in UTC, `null` for absent, the default status,
//!   unknown members) is put right by one last operation.

use json_patch::jsonptr::{Pointer, PointerBuf};
use serde_json::{Map, Value, json};
use shared::{
    Timestamp,
    document::Segment,
    events::{PatchOperation, SegmentPatched},
};

use super::{ContentLanguage, Draft, Fault, FaultKind};

/// The most operations in one patch: they are applied one after the other while other commands wait.
pub const MAX_OPERATIONS: usize = 1000;

/// What clients may change, by JSON Pointer.
const ROOTS: [&str; 7] = ["/name", "/description", "/validity", "/status", "/siteCode", "/mixins", "/metadata/mixins"];

/// Where a missing parent of what is added is created.
const CREATED_PARENTS: [&str; 4] = ["/mixins", "/description", "/validity", "/metadata/mixins"];

/// Where there may be arrays.
const FREE_FORM: [&str; 2] = ["/mixins", "/metadata/mixins"];

/// Where a plain text stands for one entry.
const LOCALIZED: [&str; 2] = ["/name", "/description"];

/// Operations on a segment, checked as far as that goes without the segment.
#[derive(Debug, Clone, PartialEq)]
pub struct Patch {
    operations: Vec<Operation>,
    language: ContentLanguage,
}

#[derive(Debug, Clone, PartialEq)]
struct Operation {
    root: &'static str,
    path: PointerBuf,
    kind: Kind,
}

#[derive(Debug, Clone, PartialEq)]
enum Kind {
    Add(Value),
    Remove,
    Replace(Value),
}

impl Patch {
    /// Reads the body of a patch.
    ///
    /// # Errors
    /// The first operation that is malformed or names what must not be touched.
    pub fn parse(body: Value, language: &ContentLanguage) -> Result<Self, Fault> {
        let Value::Array(operations) = body else { return Err(Fault::wrong_type("", "an array of operations")) };
        if operations.len() > MAX_OPERATIONS {
            let message = format!("a patch has at most {MAX_OPERATIONS} operations");
            return Err(Fault::new("", FaultKind::Limit, message));
        }
        let operations = operations.into_iter().enumerate();
        let operations = operations.map(|(index, operation)| parse_operation(index, operation));
        Ok(Self { operations: operations.collect::<Result<_, _>>()?, language: language.clone() })
    }

    /// Whether there is nothing to do.
    pub fn is_empty(&self) -> bool {
        self.operations.is_empty()
    }

    /// What the patch makes of a document.
    ///
    /// # Errors
    /// The first operation that does not apply, or the first rule that the result breaks.
    pub(super) fn apply(&self, before: &Segment, now: Timestamp) -> Result<SegmentPatched, Fault> {
        let mut work = Work { document: to_json(before), done: Vec::with_capacity(self.operations.len()) };
        for (index, operation) in self.operations.iter().enumerate() {
            work.perform(index, operation, &self.language)?;
        }
        // Plain texts have become entries, so the language no longer matters.
        let draft = Draft::parse(work.document.clone(), &ContentLanguage::Any)?;
        let (id, previous_version) = (before.id.clone(), before.metadata.version);
        let segment = draft.into_segment(id, previous_version + 1, before.metadata.created_at, now);
        work.put_right(&to_json(&segment));
        Ok(SegmentPatched { patch: work.done, segment: segment.into(), previous_version })
    }
}

/// The document in the midst of a patch, and the operations that led there.
struct Work {
    document: Value,
    done: Vec<PatchOperation>,
}

impl Work {
    fn perform(&mut self, index: usize, operation: &Operation, language: &ContentLanguage) -> Result<(), Fault> {
        let at_path = |why: &str| Fault::new(format!("[{index}].path"), FaultKind::Path, why);
        let path = operation.path.as_str();
        let no_target = |_| at_path("the target, or the parent of what is added, does not exist");
        if self.lies_in_array(operation) && !FREE_FORM.contains(&operation.root) {
            return Err(at_path("there are arrays in mixins only"));
        }
        let localized = path == operation.root && LOCALIZED.contains(&path);
        match &operation.kind {
            Kind::Remove => self.apply(PatchOperation::Remove { path: path.to_owned() }).map_err(no_target),
            Kind::Replace(_) if self.document.pointer(path).is_none() => Err(no_target(NoTarget)),
            Kind::Add(Value::String(text)) | Kind::Replace(Value::String(text)) if localized => {
                let tag = language.of_plain_text(&format!("[{index}].value"))?;
                self.apply(self.set_text(path, tag, text)).map_err(no_target)
            }
            Kind::Replace(value) => {
                let replace = PatchOperation::Replace { path: path.to_owned(), value: value.clone() };
                self.apply(replace).map_err(no_target)
            }
            Kind::Add(value) => {
                self.create_parent(operation);
                self.apply(PatchOperation::Add { path: path.to_owned(), value: value.clone() }).map_err(no_target)
            }
        }
    }

    fn lies_in_array(&self, operation: &Operation) -> bool {
        let parent = operation.path.split_back().and_then(|(parent, _)| self.document.pointer(parent.as_str()));
        parent.is_some_and(Value::is_array)
    }

    fn has(&self, path: &str) -> bool {
        self.document.pointer(path).is_some_and(|value| !value.is_null())
    }

    /// A text in one language: an entry of the map, or the map when there is none.
    fn set_text(&self, path: &str, tag: &str, text: &str) -> PatchOperation {
        if self.has(path) {
            PatchOperation::Add { path: format!("{path}/{tag}"), value: text.into() }
        } else {
            PatchOperation::Add { path: path.to_owned(), value: json!({ tag: text }) }
        }
    }

    fn create_parent(&mut self, operation: &Operation) {
        let below = operation.path.as_str() != operation.root;
        if below && CREATED_PARENTS.contains(&operation.root) && !self.has(operation.root) {
            let parent = PatchOperation::Add { path: operation.root.to_owned(), value: Value::Object(Map::new()) };
            // The document and its metadata are objects, so a member can be added.
            self.apply(parent).expect("an object takes a member");
        }
    }

    fn apply(&mut self, operation: PatchOperation) -> Result<(), NoTarget> {
        json_patch::patch(&mut self.document, &[rfc6902(&operation)]).map_err(|_| NoTarget)?;
        self.done.push(operation);
        Ok(())
    }

    /// Where the checked document differs from what the operations left, one more operation goes there.
    fn put_right(&mut self, checked: &Value) {
        for root in ROOTS {
            let path = root.to_owned();
            match (self.document.pointer(root), checked.pointer(root)) {
                (None, None) => {}
                (Some(left), Some(right)) if left == right => {}
                (Some(_), Some(right)) => self.done.push(PatchOperation::Replace { path, value: right.clone() }),
                (None, Some(right)) => self.done.push(PatchOperation::Add { path, value: right.clone() }),
                (Some(_), None) => self.done.push(PatchOperation::Remove { path }),
            }
        }
    }
}

#[derive(Debug)]
struct NoTarget;

fn rfc6902(operation: &PatchOperation) -> json_patch::PatchOperation {
    use json_patch::{AddOperation, RemoveOperation, ReplaceOperation};
    let pointer = |path: &str| PointerBuf::parse(path).expect("paths were parsed with the request");
    match operation {
        PatchOperation::Add { path, value } => {
            json_patch::PatchOperation::Add(AddOperation { path: pointer(path), value: value.clone() })
        }
        PatchOperation::Remove { path } => json_patch::PatchOperation::Remove(RemoveOperation { path: pointer(path) }),
        PatchOperation::Replace { path, value } => {
            json_patch::PatchOperation::Replace(ReplaceOperation { path: pointer(path), value: value.clone() })
        }
    }
}

fn to_json(segment: &Segment) -> Value {
    serde_json::to_value(segment).expect("a segment has string keys and finite numbers")
}

fn parse_operation(index: usize, operation: Value) -> Result<Operation, Fault> {
    let field = |name: &str| format!("[{index}].{name}");
    let Value::Object(mut operation) = operation else {
        return Err(Fault::wrong_type(format!("[{index}]"), "an object"));
    };
    let mut text = |name: &str| match operation.remove(name) {
        None | Some(Value::Null) => Err(Fault::required(field(name))),
        Some(Value::String(text)) => Ok(text),
        Some(_) => Err(Fault::wrong_type(field(name), "a string")),
    };
    let (op, path) = (text("op")?, text("path")?);
    let kind = match (op.as_str(), operation.remove("value")) {
        ("remove", _) => Kind::Remove,
        ("add", Some(value)) => Kind::Add(value),
        ("replace", Some(value)) => Kind::Replace(value),
        ("add" | "replace", None) => return Err(Fault::required(field("value"))),
        (_, _) => return Err(Fault::new(field("op"), FaultKind::Enum, "add, remove or replace is wanted")),
    };
    let path = PointerBuf::parse(path)
        .map_err(|_| Fault::new(field("path"), FaultKind::Syntax, "a JSON Pointer is wanted"))?;
    let root = root_of(&path).ok_or_else(|| {
        Fault::new(field("path"), FaultKind::Path, "the member does not exist or must not be changed")
    })?;
    Ok(Operation { root, path, kind })
}

/// Roots need no escapes, so they can be compared as they are written.
fn root_of(path: &Pointer) -> Option<&'static str> {
    let below =
        |root: &str| path.as_str().strip_prefix(root).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    ROOTS.into_iter().find(|root| below(root))
}

#[cfg(test)]
mod tests;
