"""Keep a DocPort running, as `manage.py run` does, however often its programs are killed.

`python -m faults.keep <port> <folder> <wsgi application>`; SIGTERM ends it in good order.
"""

import os
import sys
from pathlib import Path

from docport.management.commands.run import CHECKOUT, WORKER
from docport.supervisor import Console, Program, Supervisor

WORKERS = ("worker-1", "worker-2")
# Killed on purpose, again and again, so that no number of deaths is too many.
_DEATHS = 10_000


def main() -> None:
    port, folder, application = sys.argv[1], Path(sys.argv[2]), sys.argv[3]
    started = programs(folder, application)
    console = Console(folder / "programs.log", [program.name for program in started])
    supervisor = Supervisor(console, os.environ | {"BIND": f"127.0.0.1:{port}"})
    supervisor.handle_signals()
    sys.exit(supervisor.run(started, lambda: None))


def programs(folder: Path, application: str) -> list[Program]:
    """Give the web processes, two workers and the beat."""
    celery = [sys.executable, "-m", "celery", "--app=docport", "--quiet"]
    web = [sys.executable, "-m", "gunicorn", "--config", str(CHECKOUT / "docport" / "gunicorn.py")]
    beat = [*celery, "beat", f"--schedule={folder / 'beat'}", "--loglevel=WARNING"]
    commands = {"web": [*web, "--preload", application], "beat": beat} | {
        name: [*celery, "worker", *WORKER, f"--hostname={name}@%h", "--loglevel=WARNING"]
        for name in WORKERS
    }
    return [Program(name, command, _DEATHS) for name, command in commands.items()]


if __name__ == "__main__":
    main()
