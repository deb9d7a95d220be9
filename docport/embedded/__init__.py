"""A private PostgreSQL and Redis for this checkout, so that development needs only Python.

Production sets DATABASE_URL and REDIS_URL; then nothing here runs.
"""

from docport.embedded.development import development_environment
from docport.embedded.membership import start_services
from docport.embedded.places import EmbeddedError

__all__ = ["EmbeddedError", "development_environment", "start_services"]
