from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from integrations.tests.web import running_web

# A machine that makes calls up is no caller to be slowed down.
MANY = {"CALLS_PER_SECOND": "100000", "CALLS_PER_MINUTE_WITHOUT_KEY": "100000"}


@pytest.fixture(scope="package")
def web(django_db_setup: None, django_db_blocker: Any) -> Iterator[str]:
    """The address of a DocPort that runs as it does in earnest."""
    with pytest.MonkeyPatch.context() as patch, django_db_blocker.unblock():
        for name, value in MANY.items():
            patch.setenv(name, value)
        with running_web() as base_url:
            yield base_url


@pytest.fixture
def _curl_fails_on_errors(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let an answer that is an error end curl with an error as well."""
    (tmp_path / ".curlrc").write_text("fail-with-body\nsilent\nshow-error\n")
    monkeypatch.setenv("CURL_HOME", str(tmp_path))
