"""One insurer, put together from its parts."""

import time
from collections.abc import Callable

import requests

from integrations.mock_insurer.behaviour import Behaviours
from integrations.mock_insurer.bookings import Reader
from integrations.mock_insurer.certificates import Certificates
from integrations.mock_insurer.client import DocPort
from integrations.mock_insurer.configuration import Configuration
from integrations.mock_insurer.receiver import Receiver
from integrations.mock_insurer.report import Report
from integrations.mock_insurer.store import Store


class Insurer:
    """What the web server needs of the insurer."""

    def __init__(
        self, configuration: Configuration, clock: Callable[[], float] = time.time
    ) -> None:
        self._configuration = configuration
        self.name = configuration.name
        self.clock = clock
        self.behaviours = Behaviours(configuration.behaviour)
        self.report = Report()
        self.certificates = Certificates(
            configuration.certificate, configuration.private_key, at=clock()
        )
        self.store = Store(configuration.database)
        self.reader = Reader(self.store, self.docport, clock)
        self.receiver = Receiver(
            self.store,
            secret=configuration.webhook_secret,
            public_key=configuration.webhook_public_key,
            clock=clock,
            woken=self.reader.wake,
        )

    def docport(self) -> DocPort:
        """Connect anew: a session belongs to one thread."""
        return DocPort(
            self._configuration.base_url, self._configuration.api_key, requests.Session()
        )
