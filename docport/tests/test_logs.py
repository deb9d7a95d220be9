import json
import logging

import pytest
import structlog
from django.test import Client

from docport import logs

REQUEST = {"method": "GET", "path": "/hours/", "status": 200, "ms": 41}


class _Lines(logging.Handler):
    """Keep what is logged, as it would be written."""

    def __init__(self, formatter: logging.Formatter) -> None:
        super().__init__()
        self.setFormatter(formatter)
        self.said: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.said.append(self.format(record))


def _lines(*, as_json: bool) -> list[str]:
    handler = _Lines(logs.formatter(as_json=as_json))
    logger = logging.getLogger("docport.request")
    logger.addHandler(handler)
    try:
        with structlog.contextvars.bound_contextvars(request_id="r-12345678", ip="192.0.2.1"):
            structlog.get_logger("docport.request").info("request", **REQUEST)
            structlog.get_logger("docport.request").warning("wake_up_failed", error="OSError")
    finally:
        logger.removeHandler(handler)
        logs.formatter(as_json=False)
    return handler.said


def test_people_read_a_request_in_one_short_line() -> None:
    request, warning = _lines(as_json=False)

    assert "GET /hours/ 200 in 41 ms" in request
    assert "r-12345678" in request
    assert "wake_up_failed" in warning
    assert "error=OSError" in warning


def test_machines_get_each_field() -> None:
    request, warning = (json.loads(line) for line in _lines(as_json=True))

    assert request.items() >= (REQUEST | {"request_id": "r-12345678", "ip": "192.0.2.1"}).items()
    assert warning["level"] == "warning"


@pytest.mark.django_db
def test_every_line_of_a_call_carries_its_id(monkeypatch: pytest.MonkeyPatch) -> None:
    def break_down(*_: object) -> None:
        raise RuntimeError

    monkeypatch.setattr("integrations.api.views.schema.description", break_down)
    lines = _Lines(logs.formatter(as_json=True))
    logging.getLogger().addHandler(lines)
    try:
        answer = Client(raise_request_exception=False).get(
            "/api/v1/openapi.json", headers={"X-Request-ID": "insurer-4711"}
        )
    finally:
        logging.getLogger().removeHandler(lines)
        logs.formatter(as_json=False)

    assert (answer.status_code, answer.json()["request_id"]) == (500, "insurer-4711")
    told = [json.loads(line) for line in lines.said]
    assert {"api_error", "request"} <= {line["event"] for line in told}
    assert {line["logger"] for line in told} >= {"django.request", "docport.request"}
    assert {line["request_id"] for line in told} == {"insurer-4711"}
