"""Run a task of `bench.tasks` inside DocPort: `python -m bench.inside <task>`, as the site runs.

The answer is one line of JSON on standard output.
"""

import json
import os
import sys
from importlib import import_module

import django


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "bench.settings")
    django.setup()
    # The tasks use models, which cannot be imported before.
    tasks = import_module("bench.tasks").TASKS
    print(json.dumps(tasks[sys.argv[1]](*sys.argv[2:])))


if __name__ == "__main__":
    main()
