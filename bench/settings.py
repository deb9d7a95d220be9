"""DocPort's own settings, with the floor beside its pages."""

from docport.settings import *  # noqa: F403

ROOT_URLCONF = "bench.urls"
