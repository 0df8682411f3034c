//! Assignments as the API returns them, written by the database.

/// The SQL of a row `a` as JSON: the text that its own members make, then what all assignments have. Absent members are left
/// out, and so is what is not known of whom or what is assigned.
macro_rules! assignment_doc {
    ($($own:tt)+) => {
        concat!(
            $($own)+,
            r#" || coalesce(',"mixins":' || a.mixins, '') || ',"metadata":{"version":' || a.version
            || ',"createdAt":"' || to_char(a.created_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
            || '","modifiedAt":"' || to_char(a.modified_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')
            || '"' || coalesce(',"mixins":' || a.metadata_mixins, '') || '}}'"#
        )
    };
}

pub(super) use assignment_doc;
