"""Make the insurer misbehave, and ask what it saw: for tests, and for whoever tries things out."""

import dataclasses
import json
from http import HTTPStatus
from typing import Any

from integrations.mock_insurer.behaviour import BadBehaviour, read_behaviour
from integrations.mock_insurer.server import Handler, Refused, Route


def show_behaviour(handler: Handler) -> None:
    handler.json(HTTPStatus.OK, dataclasses.asdict(handler.insurer.behaviours.now))


def change_behaviour(handler: Handler) -> None:
    try:
        behaviour = read_behaviour(json.loads(handler.body))
    except (BadBehaviour, ValueError) as error:
        raise Refused(HTTPStatus.BAD_REQUEST, str(error)) from error
    handler.insurer.behaviours.change(behaviour)
    show_behaviour(handler)


def show_report(handler: Handler) -> None:
    report = handler.insurer.report
    answer: dict[str, Any] = {"summary": report.summary()}
    if "summary" not in handler.query():
        answer |= {"webhooks": report.webhooks(), "held": _held(handler)}
    handler.json(HTTPStatus.OK, answer)


def start_report_afresh(handler: Handler) -> None:
    handler.insurer.report.start_afresh()
    show_report(handler)


def lose_database(handler: Handler) -> None:
    handler.insurer.store.lose_everything()
    handler.json(HTTPStatus.OK, {"held": []})


def _held(handler: Handler) -> list[dict[str, Any]]:
    shown = ("id", "profile_version", "profile_state", "availability_version", "availability_state")
    return [{name: held[name] for name in shown} for held in handler.insurer.store.doctors()]


ROUTES = (
    Route("GET", "/control/behaviour", show_behaviour),
    Route("PUT", "/control/behaviour", change_behaviour),
    Route("GET", "/control/report", show_report),
    Route("DELETE", "/control/report", start_report_afresh),
    Route("DELETE", "/control/database", lose_database),
)
