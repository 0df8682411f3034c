-- The second wall between tenants: a session of the role `segments_reader` sees the rows of the tenant in its setting
-- `segments.tenant`, and without it none. `views::reader` sets it; the role is made before (`views::wall`). The owner of the
-- tables, who projects, is not held by policies.
--
-- A new table with a tenant needs the same three statements in its migration, and a new view `security_invoker`, or it would read
-- with the rights of its owner. Tests look for those that lack them. A new table without a tenant needs only the grant.
do $$
declare
    name text;
begin
    foreach name in array array[
        'segment', 'item_assignment', 'customer_assignment', 'buried',
        'customer', 'legal_entity', 'product', 'category', 'product_category', 'category_closure'
    ] loop
        execute format('alter table %I enable row level security', name);
        -- As a subquery it is evaluated once for each statement. With the tenant that the statement names it becomes one comparison
        -- before any row is read.
        execute format(
            'create policy own_tenant on %I for select using (tenant = (select current_setting(''segments.tenant'', true)))',
            name
        );
        execute format('grant select on %I to segments_reader', name);
    end loop;
    execute format('grant usage on schema %I to segments_reader', current_schema());
end
$$;

alter view live_item_assignment set (security_invoker = true);
alter view live_customer_assignment set (security_invoker = true);
alter view item set (security_invoker = true);
grant select on live_item_assignment, live_customer_assignment, item, projection, reference_projection to segments_reader;
