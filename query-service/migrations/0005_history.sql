-- The past: every version of every segment, and how assignments were before they changed or went.
--
-- Runs like 0001, and the same holds: every index starts with `tenant`, text is compared and sorted by code point.

-- One row per event about a document, in the order of the log; never changed, never deleted. Within a partition no time runs
-- back, so the key is that order too.
create table segment_history (
    tenant      text        collate "C" not null,
    segment_id  text        collate "C" not null,
    happened_at timestamptz not null,
    partition   smallint    not null,
    log_offset  bigint      not null,
    version     bigint,                          -- of the document; null for a deletion
    type        text        collate "C" not null, -- of the event
    actor       text        collate "C" not null, -- `user:<sub>` or `client:<azp>`
    command_id  uuid        not null,
    operations  json,                            -- of a patch
    doc         json,                            -- as in `segment`; null for a deletion
    -- A version is found without reading the documents between.
    constraint segment_history_pkey primary key (tenant, segment_id, happened_at, log_offset) include (version)
);

-- States of assignments that are over: an assignment as it was from `modified_at` until it was replaced or removed, or its
-- segment deleted. How it is now is in `item_assignment`. An event writes one state, so its offset is key enough.
create table past_item_assignment (
    tenant          text        collate "C" not null,
    segment_id      text        collate "C" not null,
    log_offset      bigint      not null,
    type            text        collate "C" not null,
    item_id         text        collate "C" not null,
    version         bigint      not null,
    created_at      timestamptz not null,
    modified_at     timestamptz not null,
    ended_at        timestamptz not null,
    mixins          json,
    metadata_mixins json,
    search          jsonb,
    constraint past_item_assignment_pkey primary key (tenant, segment_id, log_offset)
);

create table past_customer_assignment (
    tenant          text        collate "C" not null,
    segment_id      text        collate "C" not null,
    log_offset      bigint      not null,
    customer_id     text        collate "C" not null,
    legal_entity_id text        collate "C" not null,
    version         bigint      not null,
    created_at      timestamptz not null,
    modified_at     timestamptz not null,
    ended_at        timestamptz not null,
    assignment_type text        collate "C" not null,
    mixins          json,
    metadata_mixins json,
    search          jsonb,
    constraint past_customer_assignment_pkey primary key (tenant, segment_id, log_offset)
);

-- A row that waits to be removed ended when its segment was deleted. An id may live and be deleted again in the meantime, so
-- every deletion has a mark of its own; the first behind a row is the one that ended it. The new name of the offset keeps
-- programs that would remove rows without a trace from knowing any.
truncate buried;
alter table buried rename column log_offset to until_offset;
alter table buried
    add column ended_at timestamptz not null,
    drop constraint buried_pkey,
    add constraint buried_pkey primary key (tenant, segment_id, until_offset);

-- All states that assignments ever had; `ended_at` is null for those that last. What reads of the past ask.
create view item_assignment_history with (security_invoker = true) as
    select tenant, segment_id, log_offset, type, item_id, version, created_at, modified_at, mixins, metadata_mixins, search,
        (select min(buried.ended_at) from buried
         where buried.tenant = row.tenant and buried.segment_id = row.segment_id and row.log_offset < buried.until_offset)
            as ended_at
    from item_assignment row
    union all
    select tenant, segment_id, log_offset, type, item_id, version, created_at, modified_at, mixins, metadata_mixins, search,
        ended_at
    from past_item_assignment;

create view customer_assignment_history with (security_invoker = true) as
    select tenant, segment_id, log_offset, customer_id, legal_entity_id, version, created_at, modified_at, assignment_type,
        mixins, metadata_mixins, search,
        (select min(buried.ended_at) from buried
         where buried.tenant = row.tenant and buried.segment_id = row.segment_id and row.log_offset < buried.until_offset)
            as ended_at
    from customer_assignment row
    union all
    select tenant, segment_id, log_offset, customer_id, legal_entity_id, version, created_at, modified_at, assignment_type,
        mixins, metadata_mixins, search, ended_at
    from past_customer_assignment;

-- As in 0004.
do $$
declare
    name text;
begin
    foreach name in array array['segment_history', 'past_item_assignment', 'past_customer_assignment'] loop
        execute format('alter table %I enable row level security', name);
        execute format(
            'create policy own_tenant on %I for select using (tenant = (select current_setting(''segments.tenant'', true)))',
            name
        );
        execute format('grant select on %I to segments_reader', name);
    end loop;
end
$$;

grant select on item_assignment_history, customer_assignment_history to segments_reader;

-- What happened before is in the log, and everything that follows from it is projected anew. A program that knows nothing of
-- the past may still be running: its transactions find their position gone, and it cannot write another one, since it
-- does not know the layout of the views. A migration after which everything is projected anew raises the number.
truncate segment, item_assignment, customer_assignment, projection;
alter table projection
    add column layout smallint not null,
    add constraint projection_layout check (layout >= 5);
