"""Run one mock insurer: `python -m integrations.mock_insurer --help`."""

import logging
import signal
import sys
import threading
from collections.abc import Sequence

from integrations.mock_insurer.configuration import Misconfigured, read
from integrations.mock_insurer.insurer import Insurer
from integrations.mock_insurer.routes import ROUTES
from integrations.mock_insurer.server import Server

log = logging.getLogger(__package__)


def main(arguments: Sequence[str]) -> None:
    """Serve until told to stop."""
    try:
        configuration = read(arguments)
    except Misconfigured as error:
        sys.exit(str(error))
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    insurer = Insurer(configuration)
    try:
        server = Server(insurer, configuration.port, ROUTES)
    except OSError as error:
        sys.exit(f"Port {configuration.port} cannot be used: {error.strerror}.")
    insurer.reader.start()
    for number in (signal.SIGINT, signal.SIGTERM):
        # Stopping waits for the loop, which this very thread runs.
        signal.signal(number, lambda *_: threading.Thread(target=server.shutdown).start())
    log.info("%s listens on http://127.0.0.1:%s/", configuration.name, configuration.port)
    with server:
        server.serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
