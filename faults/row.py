"""One fault in a process of its own: `python -m faults.row <fault> <folder> <seconds>`.

What it found is left in the folder, beside the history.
"""

import json
import os
import sys
from contextlib import ExitStack
from dataclasses import asdict
from importlib import import_module
from pathlib import Path
from typing import Any

import django

from docport.tests.own_redis import OwnRedis, own_redis
from faults.history import History

FINDINGS = "findings.json"


def main() -> None:
    name, folder, seconds = sys.argv[1], Path(sys.argv[2]), float(sys.argv[3])
    with ExitStack() as stack:
        redis = stack.enter_context(own_redis())
        os.environ |= _environment(folder, redis.url)
        django.setup()
        found = [asdict(one) for one in _findings(name, folder, seconds, redis, stack)]
    (folder / FINDINGS).write_text(json.dumps(found))


def _environment(folder: Path, redis_url: str) -> dict[str, str]:
    """Give what DocPort needs for its faults, besides what it needs in production."""
    return {
        "DJANGO_SETTINGS_MODULE": "faults.settings",
        "REDIS_URL": redis_url,
        "FAULTS_CLOCK": str(folder / "clock"),
        "BASE_URL": "https://faults.example",
        "PYTHONWARNINGS": "ignore:You're running the worker",
    }


def _findings(
    name: str, folder: Path, seconds: float, redis: OwnRedis, stack: ExitStack
) -> list[Any]:
    # What knows models can only be imported once Django is set up.
    suite: Any = import_module("faults.suite")
    stage: Any = import_module("faults.stage")
    sink: Any = import_module("faults.sink")
    history = History(folder / "history.jsonl")
    arrives = stack.enter_context(sink.running_sink(history))
    given = stage.Stage(folder, history, arrives, redis, seconds, stack)
    return list(suite.FAULTS[name](given))


if __name__ == "__main__":
    main()
