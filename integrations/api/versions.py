"""The dated versions of the API; each key and client is pinned to one."""

from integrations.models import NEWEST_VERSION

NEWEST = NEWEST_VERSION
