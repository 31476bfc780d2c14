select version, sha256
from app_migration
order by version;
