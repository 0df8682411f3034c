-- See matching.rs. $1 tenant, $2 ids of segments, $3 site, $4 ids of products, $5 when segments must be valid or null,
-- $6 whether ancestors count.
with live as materialized (
    select array_agg(segment_id) as segment_ids from segment
    where tenant = $1 and segment_id = any ($2) and site_code = $3 and status = 'ACTIVE'
      and ($5::timestamptz is null
           or (coalesce(valid_from, '-infinity') <= $5 and coalesce(valid_to, 'infinity') >= $5))
)
select asked.item_id
from live cross join unnest($4::text[]) with ordinality as asked (item_id, place)
where live.segment_ids is not null and exists (
    select from live_item_assignment a
    where a.tenant = $1 and a.type = 'PRODUCT' and a.item_id = asked.item_id and a.segment_id = any (live.segment_ids)
    union all
    select from product_category own
    cross join lateral (
        select from live_item_assignment a
        where a.tenant = $1 and a.type = 'CATEGORY' and a.item_id = own.category_id and a.segment_id = any (live.segment_ids)
        limit 1
    ) held
    where own.tenant = $1 and own.product_id = asked.item_id
    union all
    select from product_category own
    join category_closure up on up.tenant = $1 and up.category_id = own.category_id
    cross join lateral (
        select from live_item_assignment a
        where a.tenant = $1 and a.type = 'CATEGORY' and a.item_id = up.ancestor_id and a.segment_id = any (live.segment_ids)
        limit 1
    ) held
    where $6 and own.tenant = $1 and own.product_id = asked.item_id
)
order by asked.place
