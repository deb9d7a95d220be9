#!/usr/bin/env python3
"""DocPort's command line."""

import os
import sys

from django.core.management import execute_from_command_line

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
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
