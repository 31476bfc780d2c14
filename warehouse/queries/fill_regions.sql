-- A model that was used before its regions were kept.
update model
set regions = $regions
where model_sha256 = $model and regions is null;
