#!/usr/bin/env python3
"""DocPort's command line."""

import os
import sys

from docport import embedded

NEED_NO_SERVICES = {"help", "version", "collectstatic", "compilemessages", "makemessages"}


def needs_services(arguments: list[str]) -> bool:
    """Whether the command asked for may touch the database or Redis."""
    command = arguments[0] if arguments else "help"
    asks_for_help = {"-h", "--help", "--version"} & set(arguments)
    return not asks_for_help and command not in NEED_NO_SERVICES


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "docport.settings")
    if needs_services(sys.argv[1:]):
        try:
            embedded.start_services()
        except embedded.EmbeddedError as error:
            sys.exit(str(error))
    from django.core.management import execute_from_command_line  # noqa: PLC0415

    # A command that wakes a task needs the Celery app, and must have it after the services.
    from docport import celery as celery  # noqa: PLC0414, PLC0415

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
