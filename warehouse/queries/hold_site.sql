-- The rows of one site under the table's own name: views take them from here until it is dropped. A view's parts that
-- are asked for more than once are worked out whole, for all sites, whatever is asked of the view.
create temporary table {table} as
select {columns}
from main.{table}
where site = $site;
