-- Text was found within these images: their thumbnails show nothing.
update instance
set flags = list_append(flags, 'TEXT_FOUND')
where site = $site
    and list_contains($images, instance_uid)
    and not list_contains(flags, 'TEXT_FOUND');
