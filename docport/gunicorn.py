"""How gunicorn serves DocPort: `gunicorn --config docport/gunicorn.py docport.wsgi`."""

import ctypes
import gc
import os
from pathlib import Path

bind = os.environ.get("BIND", f"127.0.0.1:{os.environ.get('PORT', '8000')}")
workers = int(os.environ.get("WEB_CONCURRENCY", "2"))
worker_class = "gthread"
# Half of them may wait for events: `integrations.api.waiting`.
threads = 8
timeout = 30
graceful_timeout = 8
keepalive = 5
max_requests = 10_000
max_requests_jitter = 1_000
# Workers prove that they live by touching a file; on a slow disk that would block them.
worker_tmp_dir = "/dev/shm" if Path("/dev/shm").is_dir() else None  # noqa: S108  Gunicorn's files there have no name.
# Nothing here is steered while it runs, and the socket would lie in the home directory.
control_socket_disable = True
# Our own log has a line for each request, without query strings.
accesslog = None
loglevel = "warning"


# Of the C library's allocator on Linux, whose mallopt(3) names them; others have none of them.
_M_TRIM_THRESHOLD, _M_ARENA_MAX = -1, -8
_KEPT_FREE_BYTES = 128 * 1024


def post_worker_init(worker: object) -> None:
    """Keep memory small, and look through it seldom."""
    _give_memory_back()
    _collect_seldom()


def _give_memory_back() -> None:
    """Have all threads share one heap whose free end goes back to the system.

    By default each of the threads has its own, as large as the largest answers it ever made; as
    only one of them runs at a time, they gain nothing by that. It saves 20 MB of 180.
    """
    change_option = getattr(ctypes.CDLL(None), "mallopt", None)
    if change_option:
        change_option(_M_ARENA_MAX, 1)
        change_option(_M_TRIM_THRESHOLD, _KEPT_FREE_BYTES)


def _collect_seldom() -> None:
    """Look for what only refers to itself in what requests leave behind, and not at each of them.

    A list of hundreds of free times is a thousand objects: by default Python looks through them
    several times while they are made, and now and then through the whole program. What was being
    made as it looked is looked through soon again: a page of 50 doctors that has been sent would
    stay for a hundred looks, 20 MB of them.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000, 4, 2)
