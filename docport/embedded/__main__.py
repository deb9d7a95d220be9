"""Show or stop this checkout's private servers: `python -m docport.embedded status|stop`."""

import argparse
import sys

from docport.embedded.locks import FileLock
from docport.embedded.membership import keeper_lives, stop_keeper
from docport.embedded.places import Places

SERVICES = ("postgres", "redis")


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m docport.embedded", description=__doc__)
    parser.add_argument("command", choices=["status", "stop"])
    command = parser.parse_args().command
    places = Places.here()
    places.create()
    for name in SERVICES:
        if command == "stop":
            starting = FileLock(places.lock(name, "start"))
            starting.take()
            stop_keeper(name, places)
            starting.close()
        state = "running" if keeper_lives(name, places) else "stopped"
        sys.stdout.write(f"{name}: {state}\n")


if __name__ == "__main__":
    main()
