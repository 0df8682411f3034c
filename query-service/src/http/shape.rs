//! What of a document is shown: the members of `fields`, and one language of its texts.

use serde_json::Value;
use shared::http::{
    ApiError, Call,
    language::{AcceptedLanguages, Shown},
};

use super::App;
use crate::q::{Resource, fields::Fields};

/// Where documents hold texts in several languages.
fn localized(resource: Resource) -> &'static [&'static str] {
    match resource {
        Resource::Segment => &["/name", "/description"],
        Resource::Item => &["/item/name"],
        Resource::Customer => &[],
    }
}

/// How documents are reduced before they are answered.
#[derive(Debug)]
pub struct Shape {
    fields: Fields,
    localized: &'static [&'static str],
    languages: Languages,
}

/// In which languages texts are shown.
#[derive(Debug)]
pub struct Languages {
    accepted: AcceptedLanguages,
    default: String,
}

impl Shape {
    /// What the request asks for.
    ///
    /// # Errors
    /// 400 when `fields` is given twice.
    pub fn of(app: &App, call: &Call, resource: Resource) -> Result<Self, ApiError> {
        let fields = Fields::parse(call.query().get("fields")?.unwrap_or_default(), resource);
        Ok(Self { fields, localized: localized(resource), languages: Languages::of(app, call) })
    }

    /// The language by which texts are sorted.
    pub fn sort_language(&self) -> &str {
        self.languages.accepted.first_concrete().unwrap_or(&self.languages.default)
    }

    /// Whether another language may be shown to another request of the same address.
    pub fn chooses_language(&self) -> bool {
        !self.localized.is_empty() && !self.languages.are_all()
    }

    /// Reduces a document. Most are shown as they are stored, and not even parsed.
    ///
    /// # Errors
    /// 500 when the view holds no JSON.
    pub fn reduce(&self, doc: String) -> Result<String, ApiError> {
        if self.fields.is_everything() && !self.chooses_language() {
            return Ok(doc);
        }
        let mut value = parsed(&doc)?;
        self.fields.apply(&mut value);
        for pointer in self.localized {
            self.languages.choose(value.pointer_mut(pointer));
        }
        Ok(value.to_string())
    }
}

impl Languages {
    /// What the request asks for. A malformed `Accept-Language` counts as none.
    pub fn of(app: &App, call: &Call) -> Self {
        let header = call.header("Accept-Language").unwrap_or_default();
        Self { accepted: AcceptedLanguages::parse(header.as_deref()), default: app.default_language.clone() }
    }

    /// All, as when the request says nothing.
    #[cfg(test)]
    pub fn all(default: &str) -> Self {
        Self { accepted: AcceptedLanguages::all(), default: default.to_owned() }
    }

    /// Whether all are shown.
    pub fn are_all(&self) -> bool {
        self.accepted.wants_all()
    }

    /// Reduces a text in several languages to the one that is shown, unless all are.
    pub fn choose(&self, texts: Option<&mut Value>) {
        let Some(Value::Object(texts)) = texts else { return };
        let chosen = match self.accepted.choose(texts.keys().map(String::as_str), &self.default) {
            Shown::All => return,
            Shown::Only(language) => language.to_owned(),
        };
        texts.retain(|language, _| *language == chosen);
    }
}

/// What the views hold, which is JSON.
///
/// # Errors
/// 500 when it is not.
pub fn parsed(doc: &str) -> Result<Value, ApiError> {
    serde_json::from_str(doc).map_err(|error| {
        tracing::error!(%error, "a stored document is not JSON");
        ApiError::internal()
    })
}
