//! What a path of `q` or `sort` means: the whitelist of fields, and where their values are found in the views.

/// What is filtered. Its SQL calls the row of `segment` `s`, the row of an assignment `a`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resource {
    /// Segments.
    Segment,
    /// Assignments of products and categories.
    Item,
    /// Assignments of customers.
    Customer,
}

impl Resource {
    /// The columns that make a row unique within its tenant.
    pub(super) fn key(self) -> &'static [&'static str] {
        match self {
            Self::Segment => &["s.segment_id"],
            Self::Item => &["a.segment_id", "a.type", "a.item_id"],
            Self::Customer => &["a.segment_id", "a.customer_id", "a.legal_entity_id"],
        }
    }

    /// The column with the free-form members, null in assignments that have none.
    pub(super) fn search(self) -> &'static str {
        match self {
            Self::Segment => "s.search",
            Self::Item | Self::Customer => "a.search",
        }
    }

    /// The names with which a path can begin; others are unknown.
    pub(super) fn roots(self) -> &'static [&'static str] {
        match self {
            Self::Segment => &[
                "id",
                "_id",
                "name",
                "description",
                "validity",
                "status",
                "siteCode",
                "mixins",
                "metadata",
                "metadataCreatedAt",
                "metadataModifiedAt",
            ],
            Self::Item => {
                &["segmentId", "type", "item", "mixins", "metadata", "metadataCreatedAt", "metadataModifiedAt"]
            }
            Self::Customer => &[
                "customer",
                "legalEntity",
                "assignmentType",
                "mixins",
                "metadata",
                "metadataCreatedAt",
                "metadataModifiedAt",
            ],
        }
    }
}

/// Where the values of a path are found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Target {
    /// A text column, never null.
    Text(&'static str),
    /// A text column, empty where the value is absent.
    TextOrEmpty(&'static str),
    /// An object that is there where a text column is not empty.
    PresentWith(&'static str),
    /// A bigint column, never null.
    Integer(&'static str),
    /// A timestamptz column.
    Instant { column: &'static str, nullable: bool },
    /// Translations in `s.search`; in one language (lower case) or in all.
    Localized { member: Member, language: Option<String> },
    /// A text column of reference data, null where it is not known.
    Known { source: Source, column: &'static str },
    /// Translations of the name of an item; in one language (lower case) or in all.
    ItemName { language: Option<String> },
    /// The value at a path in the free-form members.
    Json(Vec<String>),
    /// `validity` as a whole.
    Validity,
    /// An object that every row has and nothing equals.
    Present,
    /// What no row has.
    Absent,
}

/// Reference data that an assignment names. Its SQL calls the row `n`; there need not be one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Source {
    Customer,
    LegalEntity,
    Item,
}

impl Source {
    /// What follows `from` in a query for the row that the assignment `a` names.
    pub fn as_sql(self) -> &'static str {
        match self {
            Self::Customer => "customer n where n.tenant = a.tenant and n.customer_id = a.customer_id",
            Self::LegalEntity => "legal_entity n where n.tenant = a.tenant and n.legal_entity_id = a.legal_entity_id",
            Self::Item => "item n where n.tenant = a.tenant and n.type = a.type and n.item_id = a.item_id",
        }
    }
}

/// A localized member of a segment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Member {
    Name,
    Description,
}

impl Member {
    /// Its name in the document and in `s.search`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Name => "name",
            Self::Description => "description",
        }
    }
}

/// The meaning of a path. Unknown paths are absent.
pub(super) fn resolve(resource: Resource, path: &[String]) -> Target {
    let words: Vec<&str> = path.iter().map(String::as_str).collect();
    match resource {
        Resource::Segment => segment_field(&words),
        Resource::Item => item_field(&words),
        Resource::Customer => customer_field(&words),
    }
}

fn segment_field(path: &[&str]) -> Target {
    let localized =
        |member, language: Option<&str>| Target::Localized { member, language: language.map(str::to_ascii_lowercase) };
    match path {
        ["id" | "_id"] => Target::Text("s.segment_id"),
        ["status"] => Target::Text("s.status"),
        ["siteCode"] => Target::Text("s.site_code"),
        ["name"] => localized(Member::Name, None),
        ["name", language] => localized(Member::Name, Some(language)),
        ["description"] => localized(Member::Description, None),
        ["description", language] => localized(Member::Description, Some(language)),
        ["validity"] => Target::Validity,
        ["validity", "from"] => optional_instant("s.valid_from"),
        ["validity", "to"] => optional_instant("s.valid_to"),
        ["metadata", "version"] => Target::Integer("s.version"),
        ["metadata", "createdAt"] | ["metadataCreatedAt"] => instant("s.created_at"),
        ["metadata", "modifiedAt"] | ["metadataModifiedAt"] => instant("s.modified_at"),
        _ => common_field(path),
    }
}

fn item_field(path: &[&str]) -> Target {
    match path {
        ["segmentId"] => Target::Text("a.segment_id"),
        ["type"] => Target::Text("a.type"),
        ["item"] => Target::Present,
        ["item", "id"] => Target::Text("a.item_id"),
        ["item", "code"] => Target::Known { source: Source::Item, column: "n.code" },
        ["item", "name"] => Target::ItemName { language: None },
        ["item", "name", language] => Target::ItemName { language: Some(language.to_ascii_lowercase()) },
        _ => assignment_field(path),
    }
}

fn customer_field(path: &[&str]) -> Target {
    let known = |source, column| Target::Known { source, column };
    match path {
        ["customer"] => Target::Present,
        ["customer", "id"] => Target::Text("a.customer_id"),
        ["customer", "firstName"] => known(Source::Customer, "n.first_name"),
        ["customer", "lastName"] => known(Source::Customer, "n.last_name"),
        ["customer", "email"] => known(Source::Customer, "n.email"),
        ["legalEntity"] => Target::PresentWith("a.legal_entity_id"),
        ["legalEntity", "id"] => Target::TextOrEmpty("a.legal_entity_id"),
        ["legalEntity", "name"] => known(Source::LegalEntity, "n.name"),
        ["assignmentType"] => Target::Text("a.assignment_type"),
        _ => assignment_field(path),
    }
}

fn assignment_field(path: &[&str]) -> Target {
    match path {
        ["metadata", "version"] => Target::Integer("a.version"),
        ["metadata", "createdAt"] | ["metadataCreatedAt"] => instant("a.created_at"),
        ["metadata", "modifiedAt"] | ["metadataModifiedAt"] => instant("a.modified_at"),
        _ => common_field(path),
    }
}

fn common_field(path: &[&str]) -> Target {
    match path {
        ["metadata"] => Target::Present,
        ["mixins", ..] | ["metadata", "mixins", ..] => Target::Json(path.iter().map(|&word| word.to_owned()).collect()),
        _ => Target::Absent,
    }
}

fn instant(column: &'static str) -> Target {
    Target::Instant { column, nullable: false }
}

fn optional_instant(column: &'static str) -> Target {
    Target::Instant { column, nullable: true }
}
