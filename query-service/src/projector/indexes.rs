//! The GIN indexes of the views: what is put aside in them has to be merged, and empty views are filled without them.
//!
//! The definitions are those of the migrations; a test compares them.

/// Names and definitions.
pub const GIN: [(&str, &str); 9] = [
    (
        "segment_by_search",
        "create index if not exists segment_by_search on segment using gin (tenant, search jsonb_path_ops)
         with (gin_pending_list_limit = 65536)",
    ),
    (
        "segment_by_texts",
        "create index if not exists segment_by_texts on segment using gin (tenant, texts gin_trgm_ops)
         with (gin_pending_list_limit = 65536)",
    ),
    (
        "metadata_text_by_text",
        "create index if not exists metadata_text_by_text on metadata_text using gin (tenant, text gin_trgm_ops)
         with (gin_pending_list_limit = 65536)",
    ),
    (
        "item_assignment_by_search",
        "create index if not exists item_assignment_by_search on item_assignment
         using gin (tenant, search jsonb_path_ops) with (gin_pending_list_limit = 65536) where search is not null",
    ),
    (
        "customer_assignment_by_search",
        "create index if not exists customer_assignment_by_search on customer_assignment
         using gin (tenant, search jsonb_path_ops) with (gin_pending_list_limit = 65536) where search is not null",
    ),
    (
        "product_by_name",
        "create index if not exists product_by_name on product using gin (tenant, name_values(name))
         with (gin_pending_list_limit = 65536)",
    ),
    (
        "product_by_name_texts",
        "create index if not exists product_by_name_texts on product using gin (tenant, name_texts(name) collate \"C\" gin_trgm_ops)
         with (gin_pending_list_limit = 65536)",
    ),
    (
        "category_by_name",
        "create index if not exists category_by_name on category using gin (tenant, name_values(name))
         with (gin_pending_list_limit = 65536)",
    ),
    (
        "category_by_name_texts",
        "create index if not exists category_by_name_texts on category using gin (tenant, name_texts(name) collate \"C\" gin_trgm_ops)
         with (gin_pending_list_limit = 65536)",
    ),
];

/// Drops all of them.
pub const DROP: &str = "
    drop index if exists segment_by_search, segment_by_texts, metadata_text_by_text, item_assignment_by_search,
        customer_assignment_by_search, product_by_name, product_by_name_texts, category_by_name, category_by_name_texts";

/// Only the names.
pub fn names() -> Vec<&'static str> {
    GIN.map(|(name, _)| name).to_vec()
}
