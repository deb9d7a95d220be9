"""How gunicorn serves DocPort: `gunicorn --config docport/gunicorn.py docport.wsgi`."""

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


def post_worker_init(worker: object) -> None:
    """Look for what only refers to itself in what requests leave behind, and not at each of them.

    A list of hundreds of free times is a thousand objects: by default Python looks through them
    several times while they are made, and now and then through the whole program.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(5_000)
