//! What of a document is shown: the members of `fields`, and one language of its texts.

use serde_json::Value;
use shared::http::{
    ApiError, Call,
    language::{AcceptedLanguages, Shown},
};

use super::App;
use crate::q::{Resource, fields::Fields};

/// The members that hold texts in several languages.
const LOCALIZED: [&str; 2] = ["name", "description"];

/// How documents are reduced before they are answered.
#[derive(Debug)]
pub struct Shape {
    fields: Fields,
    languages: AcceptedLanguages,
    default_language: String,
}

impl Shape {
    /// What the request asks for. A malformed `Accept-Language` counts as none.
    ///
    /// # Errors
    /// 400 when `fields` is given twice.
    pub fn of(app: &App, call: &Call, resource: Resource) -> Result<Self, ApiError> {
        let header = call.header("Accept-Language").unwrap_or_default();
        Ok(Self {
            fields: Fields::parse(call.query().get("fields")?.unwrap_or_default(), resource),
            languages: AcceptedLanguages::parse(header.as_deref()),
            default_language: app.default_language.clone(),
        })
    }

    /// The language by which texts are sorted.
    pub fn sort_language(&self) -> &str {
        self.languages.first_concrete().unwrap_or(&self.default_language)
    }

    /// Reduces a document. Most are shown as they are stored, and not even parsed.
    ///
    /// # Errors
    /// 500 when the view holds no JSON.
    pub fn reduce(&self, doc: String) -> Result<String, ApiError> {
        if self.fields.is_everything() && self.languages.wants_all() {
            return Ok(doc);
        }
        let mut value: Value = serde_json::from_str(&doc).map_err(|error| {
            tracing::error!(%error, "a stored document is not JSON");
            ApiError::internal()
        })?;
        self.fields.apply(&mut value);
        for member in LOCALIZED {
            self.choose_language(value.get_mut(member));
        }
        Ok(value.to_string())
    }

    fn choose_language(&self, texts: Option<&mut Value>) {
        let Some(Value::Object(texts)) = texts else { return };
        let chosen = match self.languages.choose(texts.keys().map(String::as_str), &self.default_language) {
            Shown::All => return,
            Shown::Only(language) => language.to_owned(),
        };
        texts.retain(|language, _| *language == chosen);
    }
}
