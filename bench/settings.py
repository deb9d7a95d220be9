"""DocPort's own settings, with the floor beside its pages."""

from docport.settings import *  # noqa: F403  All of them, whichever they are.

ROOT_URLCONF = "bench.urls"
# The sink that webhooks are sent to is on this machine.
LOOPBACK_TARGETS = True
