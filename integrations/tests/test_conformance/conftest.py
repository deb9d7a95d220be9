import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
import requests

from integrations import outgoing
from integrations.conformance import Keys, Result, Sandbox, run
from integrations.mock_insurer.configuration import Configuration
from integrations.mock_insurer.insurer import Insurer
from integrations.mock_insurer.routes import ROUTES
from integrations.mock_insurer.server import Server
from integrations.tests.factories import PRIVATE_KEY, PUBLIC_KEY
from integrations.tests.test_mock_insurer.conftest import SECRET, serve
from integrations.tests.test_outgoing_tls import certificate

KEYS = [SECRET, PRIVATE_KEY]


class Sut:
    """A running mock insurer, and the checks against it."""

    def __init__(self, server: Server, authority: Path) -> None:
        self.address = f"127.0.0.1:{server.server_address[1]}"
        self.server, self.authority = server, authority
        self.waits: list[float] = []

    @property
    def webhook_url(self) -> str:
        return f"http://{self.address}/docport/webhooks"

    @property
    def push_url(self) -> str:
        return f"http://{self.address}/docport"

    def behave(self, **behaviour: object) -> None:
        control = f"http://{self.address}/control/behaviour"
        requests.put(control, json=behaviour, timeout=5).raise_for_status()

    def report(self) -> dict[str, object]:
        answer: dict[str, object] = requests.get(
            f"http://{self.address}/control/report", timeout=5
        ).json()
        return answer

    def results(
        self, *, push: bool = True, url: str = "", push_url: str = "", trusts: bool = False
    ) -> list[Result]:
        authorities = str(self.authority) if trusts else None
        with outgoing.new_session(authorities=authorities) as session:
            sandbox = Sandbox(
                url or self.webhook_url,
                Keys(KEYS),
                session,
                lambda: datetime.fromtimestamp(time.time(), UTC),
                api_base_url=(push_url or self.push_url) if push else "",
                pause=self.waits.append,
            )
            return list(run(sandbox))

    def failures(self) -> set[str]:
        return {result.name for result in self.results() if result.outcome == "failed"}


@pytest.fixture
def sut(tmp_path: Path, _loopback: None) -> Iterator[Sut]:
    certificate_file, key_file = certificate("localhost", tmp_path)
    insurer = Insurer(
        Configuration(
            name="Nila Health",
            slug="nila",
            api_key="dpk_test_x",
            webhook_secret=SECRET,
            webhook_public_key=PUBLIC_KEY,
            base_url="http://127.0.0.1:1",
            port=0,
            database=tmp_path / "nila.sqlite3",
            certificate=certificate_file,
            private_key=key_file,
        )
    )
    server = Server(insurer, 0, ROUTES)
    stop = serve(server)
    yield Sut(server, certificate_file)
    stop()
