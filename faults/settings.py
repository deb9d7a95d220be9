"""DocPort's settings in production, with insurers on this machine and a clock that can be moved."""

from docport.settings import *  # noqa: F403  All of them, whichever they are.
from faults import clock

LOOPBACK_TARGETS = True
clock.install()
