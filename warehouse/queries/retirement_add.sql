insert or replace into retirement (site, store, retired_at, before, removed)
values ($site, $store, $retired_at, $before, $removed);
