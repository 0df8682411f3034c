-- The customers of segments. Views that are there already need no rebuild: no event before was about customers.
--
-- Runs like 0001, and the same holds: every index starts with `tenant`, text is compared and sorted by code point.

-- 16 bytes that stand for an id where three ids of 255 characters would not fit into one btree key (2,704 bytes).
create function id_digest(id text) returns bytea
language sql immutable strict parallel safe
return substr(sha256(convert_to(id, 'UTF8')), 1, 16);

-- One row per assignment of a customer to a segment. The key serves what is asked of a customer (own scope, `customerId`), the
-- second index the lists of a segment.
create table customer_assignment (
    tenant              text        collate "C" not null,
    segment_id          text        collate "C" not null,
    customer_id         text        collate "C" not null,
    legal_entity_id     text        collate "C" not null, -- '' where the customer acts for itself (B2C): no id is empty
    partition           smallint    not null,
    log_offset          bigint      not null,             -- of the event that wrote the row; see `buried`
    incarnation         text        collate "C" not null, -- last 8 hex digits of the id of the creating event, for the ETag
    version             bigint      not null,
    created_at          timestamptz not null,
    modified_at         timestamptz not null,
    assignment_type     text        collate "C" not null, -- MANUAL or AUTOMATIC
    mixins              json,                             -- as answered; null when absent
    metadata_mixins     json,                             -- as answered; null when absent
    search              jsonb,                            -- as in `item_assignment`
    legal_entity_digest bytea      not null generated always as (id_digest(legal_entity_id)) stored,
    constraint customer_assignment_pkey primary key (tenant, customer_id, segment_id, legal_entity_digest)
);

create index customer_assignment_by_segment on customer_assignment (tenant, segment_id, customer_id);
create index customer_assignment_by_search  on customer_assignment using gin (tenant, search jsonb_path_ops)
    with (gin_pending_list_limit = 65536) where search is not null;

-- What reads ask instead of the table.
create view live_customer_assignment as
    select * from customer_assignment row
    where not exists (
        select from buried
        where buried.tenant = row.tenant and buried.segment_id = row.segment_id and row.log_offset < buried.log_offset
    );
