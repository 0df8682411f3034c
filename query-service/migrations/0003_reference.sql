-- Reference data: what other systems tell of customers, legal entities, products and categories. None of it has to be there:
-- what is assigned and not known here is shown by its id alone.
--
-- Runs like 0001, and the same holds: every index starts with `tenant`, text is compared and sorted by code point.

create table customer (
    tenant      text collate "C" not null,
    customer_id text collate "C" not null,
    first_name  text collate "C",
    last_name   text collate "C",
    email       text collate "C",
    constraint customer_pkey primary key (tenant, customer_id)
);

create index customer_by_email on customer (tenant, email);

create table legal_entity (
    tenant          text collate "C" not null,
    legal_entity_id text collate "C" not null,
    name            text collate "C",
    constraint legal_entity_pkey primary key (tenant, legal_entity_id)
);

-- The translations of a name: to be equal to, and one per line, which finds the candidates of a regular expression.
create function name_values(name jsonb) returns text[]
language sql immutable strict parallel safe
return (select array_agg(value) from jsonb_each_text(name));

create function name_texts(name jsonb) returns text
language sql immutable strict parallel safe
return (select string_agg(value, E'\n') from jsonb_each_text(name));

create table product (
    tenant     text  collate "C" not null,
    product_id text  collate "C" not null,
    code       text  collate "C",
    name       jsonb,                     -- language to text; null when there is none
    constraint product_pkey primary key (tenant, product_id)
);

create index product_by_code on product (tenant, code);
create index product_by_name on product using gin (tenant, name_values(name))
    with (gin_pending_list_limit = 65536);
create index product_by_name_texts on product using gin (tenant, name_texts(name) collate "C" gin_trgm_ops)
    with (gin_pending_list_limit = 65536);

create table category (
    tenant      text     collate "C" not null,
    category_id text     collate "C" not null,
    parent_id   text     collate "C",       -- as told; it need not be known
    code        text     collate "C",
    name        jsonb,                      -- as in `product`
    doc         json     not null,          -- what a tree shows of it, without id, parent and subcategories
    partition   smallint not null,          -- where the record lies in the reference log
    log_offset  bigint   not null,
    is_cut      boolean  not null,          -- whether it stands without parent, since its parents lead back to it
    constraint category_pkey primary key (tenant, category_id)
);

create index category_by_code on category (tenant, code);
create index category_by_name on category using gin (tenant, name_values(name))
    with (gin_pending_list_limit = 65536);
create index category_by_name_texts on category using gin (tenant, name_texts(name) collate "C" gin_trgm_ops)
    with (gin_pending_list_limit = 65536);

-- Which products are in which categories, said of each pair; neither has to be known. The key serves match.
create table product_category (
    tenant      text collate "C" not null,
    product_id  text collate "C" not null,
    category_id text collate "C" not null,
    constraint product_category_pkey primary key (tenant, product_id, category_id)
);

-- The nearest ancestors of every category that has a parent, those that are not known included; cut parents are none. It is
-- made from `category` alone: see `projector::reference::closure`.
create table category_closure (
    tenant      text     collate "C" not null,
    category_id text     collate "C" not null,
    ancestor_id text     collate "C" not null,
    depth       smallint not null,             -- 1 for the parent
    constraint category_closure_pkey primary key (tenant, category_id, ancestor_id)
);

create index category_closure_by_ancestor on category_closure (tenant, ancestor_id, category_id);

-- Products and categories alike, as assignments name them.
create view item as
    select tenant, 'PRODUCT' as type, product_id as item_id, code, name from product
    union all
    select tenant, 'CATEGORY', category_id, code, name from category;

-- How far each partition of the reference log is projected. Any record may be the last that is known of its key, so there is
-- nothing else to remember.
create table reference_projection (
    partition   smallint    not null,
    next_offset bigint      not null,
    updated_at  timestamptz not null default now(),
    constraint reference_projection_pkey primary key (partition)
);

-- Records of the reference log that were refused, whole or in part, and why. Only people read it, and may empty it at any
-- time. It holds no values, since they may be about persons.
create table dead_letter (
    partition  smallint    not null,
    log_offset bigint      not null,
    key        text        collate "C", -- as in the log; null when it had none or none that can be stored
    reason     text        collate "C" not null,
    refused_at timestamptz not null default now(),
    constraint dead_letter_pkey primary key (partition, log_offset)
);
