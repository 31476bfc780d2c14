select payload_sha256
from bundle
where site = $site and seq = $seq
