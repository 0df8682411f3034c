-- One row for each table: its name, how many rows it has, and the sum of a hash of each. What is hashed of a row is written down
-- once more in `fold.rs` and `catalogue.rs`, column by column.
with hashed as (
    select 'segment' as name, concat_ws(e'\x1f', tenant, segment_id, partition, incarnation, version,
        (extract(epoch from created_at) * 1000000)::bigint, (extract(epoch from modified_at) * 1000000)::bigint,
        status, site_code, coalesce((extract(epoch from valid_from) * 1000000)::bigint::text, e'\x1e'),
        coalesce((extract(epoch from valid_to) * 1000000)::bigint::text, e'\x1e'), hashtextextended(doc::text, 0)) as row
    from segment
    union all
    select 'item_assignment', concat_ws(e'\x1f', hashtextextended(concat_ws(e'\x1f', tenant, segment_id, type, item_id,
        log_offset, version,
        (extract(epoch from created_at) * 1000000)::bigint, (extract(epoch from modified_at) * 1000000)::bigint,
        coalesce(mixins::text, e'\x1e'), coalesce(metadata_mixins::text, e'\x1e')), 0), partition, incarnation)
    from live_item_assignment
    union all
    select 'customer_assignment', concat_ws(e'\x1f', hashtextextended(concat_ws(e'\x1f', tenant, segment_id, customer_id,
        legal_entity_id, log_offset, version,
        (extract(epoch from created_at) * 1000000)::bigint, (extract(epoch from modified_at) * 1000000)::bigint,
        coalesce(mixins::text, e'\x1e'), coalesce(metadata_mixins::text, e'\x1e'), assignment_type), 0), partition, incarnation)
    from live_customer_assignment
    union all
    select 'segment_history', concat_ws(e'\x1f', tenant, segment_id, (extract(epoch from happened_at) * 1000000)::bigint,
        partition, log_offset, coalesce(version::text, e'\x1e'), type, actor, command_id, coalesce(operations::text, e'\x1e'),
        coalesce(hashtextextended(doc::text, 0)::text, e'\x1e'))
    from segment_history
    union all
    select 'past_item_assignment', concat_ws(e'\x1f', hashtextextended(concat_ws(e'\x1f', tenant, segment_id, type, item_id,
        log_offset, version,
        (extract(epoch from created_at) * 1000000)::bigint, (extract(epoch from modified_at) * 1000000)::bigint,
        coalesce(mixins::text, e'\x1e'), coalesce(metadata_mixins::text, e'\x1e')), 0),
        (extract(epoch from ended_at) * 1000000)::bigint)
    from item_assignment_history where ended_at is not null
    union all
    select 'past_customer_assignment', concat_ws(e'\x1f', hashtextextended(concat_ws(e'\x1f', tenant, segment_id, customer_id,
        legal_entity_id, log_offset, version,
        (extract(epoch from created_at) * 1000000)::bigint, (extract(epoch from modified_at) * 1000000)::bigint,
        coalesce(mixins::text, e'\x1e'), coalesce(metadata_mixins::text, e'\x1e'), assignment_type), 0),
        (extract(epoch from ended_at) * 1000000)::bigint)
    from customer_assignment_history where ended_at is not null
    union all
    select 'customer', concat_ws(e'\x1f', tenant, customer_id, coalesce(first_name, e'\x1e'), coalesce(last_name, e'\x1e'),
        coalesce(email, e'\x1e'))
    from customer
    union all
    select 'legal_entity', concat_ws(e'\x1f', tenant, legal_entity_id, coalesce(name, e'\x1e')) from legal_entity
    union all
    select 'product', concat_ws(e'\x1f', tenant, product_id, coalesce(code, e'\x1e'), coalesce(name::text, e'\x1e')) from product
    union all
    select 'category', concat_ws(e'\x1f', tenant, category_id, coalesce(parent_id, e'\x1e'), coalesce(code, e'\x1e'),
        coalesce(name::text, e'\x1e'), hashtextextended(doc::text, 0), partition, log_offset)
    from category
    union all
    select 'product_category', concat_ws(e'\x1f', tenant, product_id, category_id) from product_category
)
select name, count(*) as rows, sum(hashtextextended(row, 0)::numeric)::text as hash from hashed group by name
