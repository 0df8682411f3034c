-- One row for each table: its name, how many rows it has, and the sum of a hash of each. What is hashed of a row is written down
-- once more in `fold.rs` and `catalogue.rs`, column by column.
with hashed as (
    select 'segment' as name, hash_record_extended(row(tenant, segment_id, partition, incarnation, version, created_at, modified_at,
        status, site_code, valid_from, valid_to, doc::text), 0) as hash
    from segment
    union all
    select 'item_assignment', hash_record_extended(row(hash_record_extended(row(tenant, segment_id, type, item_id, log_offset,
        version, created_at, modified_at, mixins::text, metadata_mixins::text), 0), partition, incarnation), 0)
    from live_item_assignment
    union all
    select 'customer_assignment', hash_record_extended(row(hash_record_extended(row(tenant, segment_id, customer_id,
        legal_entity_id, log_offset, version, created_at, modified_at, mixins::text, metadata_mixins::text, assignment_type), 0),
        partition, incarnation), 0)
    from live_customer_assignment
    union all
    select 'segment_history', hash_record_extended(row(tenant, segment_id, happened_at, partition, log_offset, version, type,
        actor, command_id, operations::text, doc::text), 0)
    from segment_history
    union all
    select 'past_item_assignment', hash_record_extended(row(hash_record_extended(row(tenant, segment_id, type, item_id, log_offset,
        version, created_at, modified_at, mixins::text, metadata_mixins::text), 0), ended_at), 0)
    from item_assignment_history where ended_at is not null
    union all
    select 'past_customer_assignment', hash_record_extended(row(hash_record_extended(row(tenant, segment_id, customer_id,
        legal_entity_id, log_offset, version, created_at, modified_at, mixins::text, metadata_mixins::text, assignment_type), 0),
        ended_at), 0)
    from customer_assignment_history where ended_at is not null
    union all
    select 'customer', hash_record_extended(row(tenant, customer_id, first_name, last_name, email), 0) from customer
    union all
    select 'legal_entity', hash_record_extended(row(tenant, legal_entity_id, name), 0) from legal_entity
    union all
    select 'product', hash_record_extended(row(tenant, product_id, code, name::text), 0) from product
    union all
    select 'category', hash_record_extended(row(tenant, category_id, parent_id, code, name::text, doc::text, partition, log_offset), 0)
    from category
    union all
    select 'product_category', hash_record_extended(row(tenant, product_id, category_id), 0) from product_category
)
select name, count(*) as rows, sum(hash)::text as hash from hashed group by name
