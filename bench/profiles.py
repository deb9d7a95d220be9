"""Where the time of one operation goes: by part, and the functions that take most of it."""

import cProfile
import pstats
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

TOP = 14
OURS = ("integrations", "scheduling", "consent", "registry", "docport", "bench")
# The first that fits, by a piece of the path; what has no path is built in and goes to its caller.
PARTS = (
    *((f"/{name}/", "DocPort") for name in OURS),
    ("/django/db/", "Django's ORM"),
    ("/psycopg", "psycopg"),
    ("/rest_framework/", "REST framework"),
    ("/django/", "Django"),
    ("/structlog/", "logging"),
    ("/logging/", "logging"),
    ("/kombu/", "Celery's wake-up"),
    ("/celery/", "Celery's wake-up"),
    ("/redis/", "Celery's wake-up"),
)
# Where a connection waits for the database's answer.
_WAITS = ("psycopg/connection.py", "wait")


def profiled(run: Callable[[], object]) -> str:
    """Run something under the profiler and give its parts and its slowest functions in words."""
    profiler = cProfile.Profile()
    profiler.runcall(run)
    stats: Any = pstats.Stats(profiler)
    parts, functions = defaultdict[str, float](float), defaultdict[str, float](float)
    for (file, line, name), (_, calls, own, _, callers) in stats.stats.items():
        label = f"{_short(file)}:{line} {name}" if file != "~" else name
        functions[f"{label} ({calls:,} calls)"] += own
        for part, seconds in _charged(file, name, own, callers):
            parts[part] += seconds
    total = sum(parts.values())
    lines = [f"{seconds / total:>6.1%}  {part}" for part, seconds in _most(parts)]
    slowest = [f"{spent / total:>6.1%}  {name}" for name, spent in _most(functions)[:TOP]]
    return "\n".join([*lines, "", *slowest])


def _most(seconds: dict[str, float]) -> list[tuple[str, float]]:
    return sorted(seconds.items(), key=lambda entry: -entry[1])


def _charged(file: str, name: str, own: float, callers: Any) -> list[tuple[str, float]]:
    if file.endswith(_WAITS[0]) and name == _WAITS[1]:
        return [("waiting for PostgreSQL", own)]
    if file != "~":
        return [(_part(file), own)]
    return [(_part(caller), spent[2]) for (caller, *_), spent in callers.items()]


def _part(file: str) -> str:
    return next((part for piece, part in PARTS if piece in file), "Python")


def _short(file: str) -> str:
    return "/".join(Path(file).parts[-3:])
