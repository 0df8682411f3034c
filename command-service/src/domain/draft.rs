//! From a request's body to a document that is yet to be stored: every rule about the members of a document is here.
//!
//! An explicit `null` is an absent member; members that are not known are ignored. A new member: a field of [`Draft`], a line
//! in [`Draft::parse`] and in [`Draft::into_segment`], and a line in `segment-*.json` of `schemas/events`.

use serde_json::{Map, Value};
use shared::{
    Timestamp,
    document::{Localized, Metadata, Mixins, Segment, Status, Validity},
    ids::{CustomerId, CustomerRef, InvalidId, ItemId, LegalEntityId, SegmentId},
};

use super::{ContentLanguage, Fault, FaultKind};

/// How deep objects and arrays may lie in each other, the body itself being the first. Readers of the log take 128.
pub const MAX_DEPTH: usize = 64;

/// The longest site code. Views index it.
pub const MAX_SITE_CODE_CHARS: usize = 255;

/// A segment as a client wants it to be, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Draft {
    name: Localized,
    description: Option<Localized>,
    validity: Option<Validity>,
    status: Status,
    site_code: String,
    mixins: Option<Mixins>,
    metadata_mixins: Option<Mixins>,
}

/// An assignment as a client wants it to be, checked.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct AssignmentDraft {
    mixins: Option<Mixins>,
    metadata_mixins: Option<Mixins>,
}

impl Draft {
    /// Reads the body of a create or put. `id` and `metadata.version` are left to [`segment_id`] and [`expected_version`].
    ///
    /// # Errors
    /// The first rule that the body breaks.
    pub fn parse(body: Value, language: &ContentLanguage) -> Result<Self, Fault> {
        let mut body = object("", body)?;
        let name = member(&mut body, "name")?.ok_or_else(|| Fault::required("name"))?;
        let description = member(&mut body, "description")?;
        let site_code = member(&mut body, "siteCode")?.ok_or_else(|| Fault::required("siteCode"))?;
        Ok(Self {
            name: parse_name(name, language)?,
            description: description.map(|texts| parse_localized("description", texts, language)).transpose()?,
            validity: member(&mut body, "validity")?.map(parse_validity).transpose()?,
            status: member(&mut body, "status")?.map(parse_status).transpose()?.unwrap_or_default(),
            site_code: parse_site_code(site_code)?,
            mixins: member(&mut body, "mixins")?.map(|mixins| object("mixins", mixins)).transpose()?,
            metadata_mixins: parse_metadata_mixins(&mut body)?,
        })
    }

    /// The document that this draft becomes.
    pub(super) fn into_segment(self, id: SegmentId, version: u64, created_at: Timestamp, now: Timestamp) -> Segment {
        Segment {
            id,
            name: self.name,
            description: self.description,
            validity: self.validity,
            status: self.status,
            site_code: self.site_code,
            mixins: self.mixins,
            metadata: Metadata { version, created_at, modified_at: now, mixins: self.metadata_mixins },
        }
    }
}

impl AssignmentDraft {
    /// Reads the body of an assignment; an absent body is to be handed in as `{}`.
    ///
    /// # Errors
    /// The first rule that the body breaks.
    pub fn parse(body: Value) -> Result<Self, Fault> {
        let mut body = object("", body)?;
        let mixins = member(&mut body, "mixins")?.map(|mixins| object("mixins", mixins)).transpose()?;
        Ok(Self { mixins, metadata_mixins: parse_metadata_mixins(&mut body)? })
    }

    /// The members of the event: the mixins, and the metadata around their schemas.
    pub(super) fn into_parts(self, version: u64, created_at: Timestamp, now: Timestamp) -> (Option<Mixins>, Metadata) {
        (self.mixins, Metadata { version, created_at, modified_at: now, mixins: self.metadata_mixins })
    }
}

/// The `id` of a segment's body, if it has one.
///
/// # Errors
/// When it cannot be the id of a segment.
pub fn segment_id(body: &Value) -> Result<Option<SegmentId>, Fault> {
    id_member(body, "id", SegmentId::parse)
}

/// The `id` of an item in a bulk of assignments, if it has one.
///
/// # Errors
/// When it cannot be the id of an item.
pub fn item_id(body: &Value) -> Result<Option<ItemId>, Fault> {
    id_member(body, "id", ItemId::parse)
}

/// The `customerId` and `legalEntityId` of an item in a bulk of assignments. Without the latter the customer acts for itself.
///
/// # Errors
/// When there is no customer, or either cannot be an id.
pub fn customer(body: &Value) -> Result<CustomerRef, Fault> {
    let id = id_member(body, "customerId", CustomerId::parse)?.ok_or_else(|| Fault::required("customerId"))?;
    Ok(CustomerRef { id, legal_entity: id_member(body, "legalEntityId", LegalEntityId::parse)? })
}

/// `metadata.version` of an update: the version that the client believes to replace. No document has the version 0, which is
/// what a negative number is read as.
///
/// # Errors
/// When it is not an integer, or `metadata` not an object.
pub fn expected_version(body: &Value) -> Result<Option<u64>, Fault> {
    let version = match body.get("metadata") {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Object(metadata)) => metadata.get("version"),
        Some(_) => return Err(Fault::wrong_type("metadata", "an object")),
    };
    let number = match version {
        None | Some(Value::Null) => return Ok(None),
        Some(Value::Number(number)) => number,
        Some(_) => return Err(Fault::wrong_type("metadata.version", "an integer")),
    };
    // JSON does not tell 1.0 from 1; the cast to an unsigned integer goes to the nearest one there is.
    let integral = number.as_f64().filter(|float| float.fract() == 0.0);
    let version = number.as_u64().or(integral.map(|float| float as u64));
    version.map(Some).ok_or_else(|| Fault::wrong_type("metadata.version", "an integer"))
}

fn invalid_id(field: &str, why: &InvalidId) -> Fault {
    let kind = match why {
        InvalidId::Length => FaultKind::Limit,
        InvalidId::Reserved => FaultKind::Reserved,
        InvalidId::ItemType => FaultKind::Enum,
        InvalidId::Character | InvalidId::Tenant => FaultKind::Syntax,
    };
    Fault::new(field, kind, why.to_string())
}

fn id_member<T>(body: &Value, name: &str, parse: fn(&str) -> Result<T, InvalidId>) -> Result<Option<T>, Fault> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => parse(text).map(Some).map_err(|why| invalid_id(name, &why)),
        Some(_) => Err(Fault::wrong_type(name, "a string")),
    }
}

fn object(field: &str, value: Value) -> Result<Map<String, Value>, Fault> {
    if let Value::Object(members) = value { Ok(members) } else { Err(Fault::wrong_type(field, "an object")) }
}

fn string(field: &str, value: Value) -> Result<String, Fault> {
    if let Value::String(text) = value { Ok(text) } else { Err(Fault::wrong_type(field, "a string")) }
}

/// Takes a member of the body out, if it is there and not null.
fn member(body: &mut Map<String, Value>, name: &str) -> Result<Option<Value>, Fault> {
    let Some(value) = body.remove(name).filter(|value| !value.is_null()) else { return Ok(None) };
    check_storable(name, &value, 1)?;
    Ok(Some(value))
}

/// Views cannot hold U+0000, and readers of the log do not follow a document to any depth. `depth` is that of the object
/// that the value lies in.
fn check_storable(field: &str, value: &Value, depth: usize) -> Result<(), Fault> {
    let text_is_sound = |text: &str| {
        let nul = || Fault::new(field, FaultKind::Syntax, "the character U+0000 cannot be stored");
        if text.contains('\0') { Err(nul()) } else { Ok(()) }
    };
    match value {
        Value::Null | Value::Bool(_) | Value::Number(_) => Ok(()),
        Value::String(text) => text_is_sound(text),
        Value::Array(_) | Value::Object(_) if depth == MAX_DEPTH => {
            let message = format!("objects and arrays lie in each other more than {MAX_DEPTH} deep");
            Err(Fault::new(field, FaultKind::Limit, message))
        }
        Value::Array(values) => values.iter().try_for_each(|value| check_storable(field, value, depth + 1)),
        Value::Object(members) => members.iter().try_for_each(|(name, value)| {
            text_is_sound(name)?;
            check_storable(field, value, depth + 1)
        }),
    }
}

fn parse_localized(field: &str, value: Value, language: &ContentLanguage) -> Result<Localized, Fault> {
    match value {
        Value::String(text) => Ok(Localized::from([(language.of_plain_text(field)?.to_owned(), text)])),
        Value::Object(texts) => texts
            .into_iter()
            .map(|(tag, text)| string(&format!("{field}.{tag}"), text).map(|text| (tag, text)))
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            Err(Fault::wrong_type(field, "a map from language to text"))
        }
    }
}

fn parse_name(value: Value, language: &ContentLanguage) -> Result<Localized, Fault> {
    let name = parse_localized("name", value, language)?;
    if name.is_empty() {
        return Err(Fault::new("name", FaultKind::Required, "at least one language is required"));
    }
    if let Some((tag, _)) = name.iter().find(|(_, text)| text.is_empty()) {
        return Err(Fault::new(format!("name.{tag}"), FaultKind::Required, "the text must not be empty"));
    }
    Ok(name)
}

fn parse_validity(value: Value) -> Result<Validity, Fault> {
    let mut bounds = object("validity", value)?;
    let mut bound = |name: &str| -> Result<Option<Timestamp>, Fault> {
        let Some(value) = bounds.remove(name).filter(|value| !value.is_null()) else { return Ok(None) };
        let field = format!("validity.{name}");
        let wrong = |_| Fault::new(&field, FaultKind::Syntax, "an RFC 3339 date-time is wanted");
        string(&field, value)?.parse().map(Some).map_err(wrong)
    };
    let (from, to) = (bound("from")?, bound("to")?);
    match (from, to) {
        (Some(from), Some(to)) if from > to => {
            Err(Fault::new("validity.from", FaultKind::Range, "'from' is later than 'to'"))
        }
        (from, to) => Ok(Validity { from, to }),
    }
}

fn parse_status(value: Value) -> Result<Status, Fault> {
    let text = string("status", value)?;
    let known = [Status::Active, Status::Inactive].into_iter().find(|status| status.as_str() == text);
    known.ok_or_else(|| Fault::new("status", FaultKind::Enum, "ACTIVE or INACTIVE is wanted"))
}

fn parse_site_code(value: Value) -> Result<String, Fault> {
    let site_code = string("siteCode", value)?;
    if site_code.trim().is_empty() {
        return Err(Fault::new("siteCode", FaultKind::Required, "the site code must not be blank"));
    }
    if site_code.chars().nth(MAX_SITE_CODE_CHARS).is_some() {
        let message = format!("a site code has at most {MAX_SITE_CODE_CHARS} characters");
        return Err(Fault::new("siteCode", FaultKind::Limit, message));
    }
    Ok(site_code)
}

fn parse_metadata_mixins(body: &mut Map<String, Value>) -> Result<Option<Mixins>, Fault> {
    let field = "metadata.mixins";
    let Some(metadata) = body.remove("metadata").filter(|value| !value.is_null()) else { return Ok(None) };
    let mut metadata = object("metadata", metadata)?;
    let Some(mixins) = metadata.remove("mixins").filter(|value| !value.is_null()) else { return Ok(None) };
    check_storable(field, &mixins, 2)?;
    object(field, mixins).map(Some)
}

#[cfg(test)]
mod tests;
