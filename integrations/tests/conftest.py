import pytest

from registry.tests.factories import NOW


@pytest.fixture
def _at_nine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the API's clock stand at `NOW`."""
    monkeypatch.setattr("integrations.api.views.base.now", lambda: NOW)
    monkeypatch.setattr("integrations.api.authentication.now", lambda: NOW)
