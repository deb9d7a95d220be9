import json
import logging

import structlog

from docport import logs

REQUEST = {"method": "GET", "path": "/hours/", "status": 200, "ms": 41}


def _lines(*, as_json: bool) -> list[str]:
    lines: list[str] = []

    class Kept(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(self.format(record))

    handler = Kept()
    handler.setFormatter(logs.formatter(as_json=as_json))
    logger = logging.getLogger("docport.request")
    logger.addHandler(handler)
    try:
        with structlog.contextvars.bound_contextvars(request_id="r-12345678", ip="192.0.2.1"):
            structlog.get_logger("docport.request").info("request", **REQUEST)
            structlog.get_logger("docport.request").warning("wake_up_failed", error="OSError")
    finally:
        logger.removeHandler(handler)
        logs.formatter(as_json=False)
    return lines


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
