-- The views: what the projector writes and the query service reads. All of it can be dropped and rebuilt from the log.
--
-- Runs with `search_path` = the schema of the view version, then the schema of the extensions (`public`).
-- Every index starts with `tenant`. Text is compared and sorted by code point (collate "C").
-- Ids and site codes are btree keys: the write side keeps them at 255 characters or less (a btree key ends at 2,704 bytes).

create extension if not exists pg_trgm with schema public;   -- regular expressions on texts
create extension if not exists btree_gin with schema public; -- `tenant` as the first column of a GIN index

-- One row per live segment. The filter columns are made from the document by `q::columns`, nowhere else.
create table segment (
    tenant      text        collate "C" not null,
    segment_id  text        collate "C" not null,
    partition   smallint    not null,
    incarnation text        collate "C" not null, -- last 8 hex digits of the id of the creating event, for the ETag
    version     bigint      not null,             -- metadata.version
    created_at  timestamptz not null,
    modified_at timestamptz not null,
    status      text        collate "C" not null,
    site_code   text        collate "C" not null,
    valid_from  timestamptz,
    valid_to    timestamptz,
    -- {"name": [{"l": language in lower case, "v": text}], "description": [...], "mixins": {...}, "metadata": {"mixins": {...}}};
    -- empty members are left out. Equality, existence and everything in mixins is asked here.
    search      jsonb       not null,
    -- All translations of name and description and all strings in metadata.mixins, one per line: finds the candidates of a
    -- regular expression, which is then checked exactly against `search`.
    texts       text        collate "C" not null,
    -- The document as it is answered, member order and all; `json`, since it is only ever read whole.
    doc         json        not null,
    constraint segment_pkey primary key (tenant, segment_id)
);

create index segment_by_status      on segment (tenant, status, segment_id);
create index segment_by_site        on segment (tenant, site_code, segment_id);
-- "Missing first when ascending, last when descending" is the order of these two, read forwards or backwards.
create index segment_by_valid_from  on segment (tenant, valid_from nulls first, valid_to);
create index segment_by_valid_to    on segment (tenant, valid_to nulls first);
create index segment_by_version     on segment (tenant, version);
create index segment_by_created_at  on segment (tenant, created_at);
create index segment_by_modified_at on segment (tenant, modified_at);
-- GIN indexes put new rows aside and merge many at once, which costs half. The projector has that done every second, beside
-- its transactions; the limit (64 MiB) only guards against its absence.
create index segment_by_search      on segment using gin (tenant, search jsonb_path_ops) with (gin_pending_list_limit = 65536);
create index segment_by_texts       on segment using gin (tenant, texts gin_trgm_ops) with (gin_pending_list_limit = 65536);
-- `description:missing`, which no GIN index can answer.
create index segment_undescribed    on segment (tenant, segment_id) where not (search ? 'description');

-- One row per assignment of a product or category to a segment. The key serves match, the second index the lists.
create table item_assignment (
    tenant          text        collate "C" not null,
    segment_id      text        collate "C" not null,
    type            text        collate "C" not null, -- PRODUCT or CATEGORY
    item_id         text        collate "C" not null,
    partition       smallint    not null,
    log_offset      bigint      not null,             -- of the event that wrote the row; see `buried`
    incarnation     text        collate "C" not null, -- last 8 hex digits of the id of the creating event, for the ETag
    version         bigint      not null,
    created_at      timestamptz not null,
    modified_at     timestamptz not null,
    mixins          json,                             -- as answered; null when absent
    metadata_mixins json,                             -- as answered; null when absent
    search          jsonb,                            -- {"mixins": {...}, "metadata": {"mixins": {...}}}; null when both are absent
    constraint item_assignment_pkey primary key (tenant, type, item_id, segment_id)
);

create index item_assignment_by_segment on item_assignment (tenant, segment_id, type, item_id);
create index item_assignment_by_search  on item_assignment using gin (tenant, search jsonb_path_ops)
    with (gin_pending_list_limit = 65536) where search is not null;

-- Segments that were deleted with very many assignments: rows written before `log_offset` are dead, and are removed bit by
-- bit. The offsets compare, since everything about a segment lies in one partition. Nearly always empty.
create table buried (
    tenant     text collate "C" not null,
    segment_id text collate "C" not null,
    log_offset bigint not null,
    constraint buried_pkey primary key (tenant, segment_id)
);

-- What reads ask instead of the table.
create view live_item_assignment as
    select * from item_assignment row
    where not exists (
        select from buried
        where buried.tenant = row.tenant and buried.segment_id = row.segment_id and row.log_offset < buried.log_offset
    );

-- How far each partition of the log is projected, and what the acceptance rule needs to go on from there.
create table projection (
    partition   smallint    not null,
    next_offset bigint      not null,
    acceptance  json        not null, -- `shared::log::Acceptance`: writer, last writer, number, chain, clock
    updated_at  timestamptz not null default now(),
    constraint projection_pkey primary key (partition)
);

-- The instant that an RFC 3339 date-time or a date (its midnight in UTC) names, cut to microseconds; null for any other text.
-- The same as `q::instant` in Rust: mixins hold dates as strings, and comparisons order only those strings that are dates.
create function rfc3339(value text) returns timestamptz
language plpgsql immutable strict parallel safe as $$
begin
    if value ~ '^\d{4}-\d\d-\d\d$' then
        return (value || 'T00:00:00Z')::timestamptz;
    elsif value ~ '^\d{4}-\d\d-\d\d[Tt]([01]\d|2[0-3]):[0-5]\d:[0-5]\d(\.\d+)?([Zz]|[+-](0\d|1[0-5]):[0-5]\d)$' then
        return regexp_replace(value, '(\.\d{6})\d+', '\1')::timestamptz;
    end if;
    return null;
exception
    when datetime_field_overflow or invalid_datetime_format or invalid_time_zone_displacement_value then return null;
end
$$;
