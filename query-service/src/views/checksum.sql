-- One row for each table: its name, how many rows it has, and the sum of a hash of each. Equal views, equal answers.
-- How far the reference log was read is left out: a compacted log may end earlier and still say the same.
-- psql "$DATABASE_URL" -c "set search_path = v1, public" -f query-service/src/views/checksum.sql
select 'segment' as name, count(*) as rows, coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text as hash
from segment row
union all
select 'item_assignment', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from live_item_assignment row
union all
select 'customer_assignment', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from live_customer_assignment row
union all
select 'segment_history', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from segment_history row
union all
select 'past_item_assignment', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from item_assignment_history row where ended_at is not null
union all
select 'past_customer_assignment', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from customer_assignment_history row where ended_at is not null
union all
select 'customer', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from customer row
union all
select 'legal_entity', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from legal_entity row
union all
select 'product', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from product row
union all
select 'category', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from category row
union all
select 'product_category', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from product_category row
union all
select 'category_closure', count(*), coalesce(sum(hashtextextended(row::text, 0)::numeric), 0)::text
from category_closure row
union all
select 'projection', count(*), coalesce(sum(hashtextextended((partition, next_offset, acceptance::text)::text, 0)::numeric), 0)::text
from projection
order by name
