-- The strings in metadata.mixins, each once: nearly always the addresses of schemas, which are few and repeat. In `segment.texts`
-- they took half of the work of keeping its trigrams, the dearest part of a row.
--
-- Runs like 0001, and the same holds: every index starts with `tenant`, text is compared and sorted by code point.
--
-- `segment.texts` no longer holds them. Of views that were projected before, nothing here could take them apart.

-- A string stays when no document has it any more: it only finds candidates.
create table metadata_text (
    tenant text  collate "C" not null,
    text   text  collate "C" not null,
    digest bytea             not null generated always as (id_digest(text)) stored, -- a text may be longer than a key
    constraint metadata_text_pkey primary key (tenant, digest)
);

create index metadata_text_by_text on metadata_text using gin (tenant, text gin_trgm_ops)
    with (gin_pending_list_limit = 65536);

-- As in 0004.
alter table metadata_text enable row level security;
create policy own_tenant on metadata_text for select
    using (tenant = (select current_setting('segments.tenant', true)));
grant select on metadata_text to segments_reader;
