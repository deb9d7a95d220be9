"""A client of an insurer that books, holds, moves and cancels, and remembers what it was told."""

import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from http import HTTPStatus
from random import Random
from typing import Any
from uuid import UUID, uuid4

import requests

from integrations.tests.history.world import Practice, State, World
from registry.models import InsuranceProvider

PATIENCE_SECONDS = 60
# Long enough for a request to be sent, too short for its answer.
HANGS_UP_AFTER_SECONDS = 0.002
HANGS_UP = 0.08
REPEATS = 0.08
IS_STALE = 0.06
TAKES_SUGGESTION = 0.5
SUGGESTIONS = 30
# Of a hundred operations.
OPERATIONS = {"book": 34, "hold": 16, "book_held": 9, "renew": 4, "release": 4} | {
    "move": 18,
    "cancel": 12,
    "look": 3,
}
SLOT_CODES = ("slot_taken", "slot_not_available", "too_many_bookings")

Json = dict[str, Any]


@dataclass
class Held:
    """A hold as it was told."""

    id: UUID
    practice: Practice
    start: str
    location_id: str
    expires_at: datetime


class Client:
    """One of an insurer's clients; what it books nobody else of the insurer touches."""

    def __init__(
        self, number: int, world: World, base_url: str, insurer: tuple[InsuranceProvider, str]
    ) -> None:
        self.number, self._world, (self.provider, key) = number, world, insurer
        self._api = f"{base_url}/api/v1"
        self._session = requests.Session()
        self._session.headers["Authorization"] = f"Bearer {key}"
        self._random = Random()
        self._suggested: list[tuple[Practice, str, str]] = []
        self.holds: dict[UUID, Held] = {}
        self.released: set[UUID] = set()
        # What it was told of each appointment, oldest first; and the ids that were refused.
        self.told: dict[UUID, list[State]] = {}
        self.external_ids: dict[UUID, str] = {}
        self.refused_ids: set[str] = set()
        self._unsure: set[UUID] = set()
        self.answers: Counter[str] = Counter()
        self.wrong: list[str] = []

    def work(self, operations: int, seed: str) -> None:
        """Do so many operations, one after the other."""
        self._random = Random(seed)
        names, weights = list(OPERATIONS), list(OPERATIONS.values())
        for name in self._random.choices(names, weights, k=operations):
            try:
                getattr(self, f"_{name}")()
            except requests.RequestException as error:
                self.wrong.append(f"{name}: {type(error).__name__}")

    def settle(self) -> None:
        """Ask, when all is quiet, what became of moves whose answers were lost."""
        for appointment in self._unsure:
            self._ask(appointment)

    def _book(self) -> None:
        practice, start, place = self._choice()
        self._post_booking(practice, {"start": start, "location_id": place})

    def _book_held(self) -> None:
        held = self._some_hold()
        if held is None:
            return self._book()
        wanted = {"start": held.start, "location_id": held.location_id, "hold_id": str(held.id)}
        if self._post_booking(held.practice, wanted) == held.id:
            del self.holds[held.id]
        return None

    def _post_booking(self, practice: Practice, wanted: Json) -> UUID | None:
        external_id = f"H-{self.number}-{uuid4()}"
        body = wanted | {
            "doctor_id": str(practice.doctor.pk),
            "external_appointment_id": external_id,
            "patient_reference": f"patient-{external_id}",
        }
        answer = self._post_once("/appointments", body)
        if self._is(answer, HTTPStatus.CREATED, *SLOT_CODES):
            booked = self.learn(answer.json())
            self.external_ids[booked] = external_id
            return booked
        self.refused_ids.add(external_id)
        self._suggest(practice, answer.json().get("next_free", []))
        return None

    def _hold(self) -> None:
        practice, start, place = self._choice()
        body = {"doctor_id": str(practice.doctor.pk), "start": start, "location_id": place}
        answer = self._post_once("/holds", body)
        if self._is(answer, HTTPStatus.CREATED, *SLOT_CODES):
            told = answer.json()
            expires_at = datetime.fromisoformat(told["expires_at"])
            hold_id = UUID(told["id"])
            self.holds[hold_id] = Held(
                hold_id, practice, told["start"], told["location_id"], expires_at
            )
        else:
            self._suggest(practice, answer.json().get("next_free", []))

    def _renew(self) -> None:
        held = self._some_hold()
        if held is None:
            return
        answer = self._send("POST", f"/holds/{held.id}/renew")
        if self._is(answer, HTTPStatus.OK, "hold_ended", "hold_already_renewed", "not_found"):
            held.expires_at = datetime.fromisoformat(answer.json()["expires_at"])

    def _release(self) -> None:
        held = self._some_hold()
        if held is None:
            return
        answer = self._send("DELETE", f"/holds/{held.id}")
        if self._is(answer, HTTPStatus.NO_CONTENT, "hold_ended", "not_found"):
            self.released.add(held.id)
            del self.holds[held.id]

    def _move(self) -> None:
        latest = self._some_booked()
        if latest is None:
            return self._book()
        appointment, state = latest
        practice, start, place = self._choice(self._world.practice_at(state.location_id))
        version = state.version + (self._random.random() < IS_STALE)
        path = f"/appointments/{appointment}"
        request = {"json": {"start": start, "location_id": place}}
        headers = {"If-Match": f'"{version}"'}
        if self._random.random() < HANGS_UP:
            self._hang_up("PATCH", path, headers=headers, **request)
            self._unsure.add(appointment)
            return self._ask(appointment)
        answer = self._send("PATCH", path, headers=headers, **request)
        if self._is(answer, HTTPStatus.OK, *SLOT_CODES, "not_movable", "version_mismatch"):
            self.learn(answer.json())
        else:
            self._suggest(practice, answer.json().get("next_free", []))
            self._ask(appointment)
        return None

    def _cancel(self) -> None:
        latest = self._some_booked()
        if latest is None:
            return self._book()
        path = f"/appointments/{latest[0]}/cancel"
        request = {"json": {"reason": "patient_request"}}
        if self._random.random() < HANGS_UP:
            self._hang_up("POST", path, **request)
        for _ in range(1 + (self._random.random() < REPEATS)):
            answer = self._send("POST", path, **request)
            if self._is(answer, HTTPStatus.OK, "not_cancellable"):
                self.learn(answer.json())
        return None

    def _look(self) -> None:
        """Read what is free at some doctor's."""
        practice = self._random.choice(self._world.practices)
        answer = self._send("GET", f"/doctors/{practice.doctor.pk}/slots")
        if self._is(answer, HTTPStatus.OK):
            free = answer.json()["items"]
            self._suggest(practice, self._random.sample(free, min(len(free), SUGGESTIONS // 3)))

    def _ask(self, appointment: UUID) -> None:
        """Learn how it is, after an answer that was lost or that says it is otherwise."""
        answer = self._send("GET", f"/appointments/{appointment}")
        if self._is(answer, HTTPStatus.OK):
            self.learn(answer.json())

    def _post_once(self, path: str, body: Json) -> requests.Response:
        """Send a write with its key: sometimes after its answer was lost, sometimes once more."""
        headers = {"Idempotency-Key": str(uuid4())}
        if self._random.random() < HANGS_UP:
            self._hang_up("POST", path, json=body, headers=headers)
        answer = self._send("POST", path, json=body, headers=headers)
        while _code(answer) == "request_in_flight":
            time.sleep(0.05)
            answer = self._send("POST", path, json=body, headers=headers)
        if self._random.random() < REPEATS:
            again = self._send("POST", path, json=body, headers=headers)
            same = again.status_code == answer.status_code and _told(again) == _told(answer)
            if not same or "Idempotency-Replayed" not in again.headers:
                self.wrong.append(f"{path} repeated: {answer.text[:200]} and {again.text[:200]}")
        return answer

    def _send(self, method: str, path: str, **given: Any) -> requests.Response:
        answer = self._session.request(method, self._api + path, timeout=PATIENCE_SECONDS, **given)
        if answer.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.wrong.append(f"{method} {path}: {answer.status_code} {answer.text[:300]}")
        return answer

    def _hang_up(self, method: str, path: str, **given: Any) -> None:
        """Send and do not wait; what the site did is for the next request to find out."""
        patience = (PATIENCE_SECONDS, HANGS_UP_AFTER_SECONDS)
        try:
            self._session.request(method, self._api + path, timeout=patience, **given)
        except requests.RequestException:
            self.answers["lost"] += 1

    def _is(self, answer: requests.Response, good: HTTPStatus, *codes: str) -> bool:
        """Tell whether it succeeded; an answer that fits neither is noted as wrong."""
        if answer.status_code == good:
            self.answers[str(int(good))] += 1
            return True
        code = _code(answer)
        self.answers[code] += 1
        if code not in codes:
            request = f"{answer.request.method} {answer.request.path_url}"
            self.wrong.append(f"{request}: {answer.status_code} {answer.text[:300]}")
        return False

    def learn(self, told: Json) -> UUID:
        """Remember an appointment as it was answered; give its id."""
        appointment = UUID(told["id"])
        start = datetime.fromisoformat(told["start"])
        state = State(
            told["version"], told["status"], start, UUID(told["location_id"]), told["token_number"]
        )
        self.told.setdefault(appointment, []).append(state)
        return appointment

    def _choice(self, practice: Practice | None = None) -> tuple[Practice, str, str]:
        """Choose a doctor, a time and a place: of the first hours, or as was suggested."""
        suggested = [one for one in self._suggested if practice in (None, one[0])]
        if suggested and self._random.random() < TAKES_SUGGESTION:
            return self._random.choice(suggested)
        practice = practice or self._random.choice(self._world.practices)
        start, place = self._random.choice(practice.starts)
        return practice, start.isoformat(), str(place)

    def _suggest(self, practice: Practice, slots: list[Json]) -> None:
        for slot in slots:
            self._suggested.append((practice, slot["start"], slot["location_id"]))
        del self._suggested[:-SUGGESTIONS]

    def _some_hold(self) -> Held | None:
        held = list(self.holds.values())
        return self._random.choice(held) if held else None

    def _some_booked(self) -> tuple[UUID, State] | None:
        latest = [(appointment, states[-1]) for appointment, states in self.told.items()]
        booked = [one for one in latest if one[1].status == "BOOKED"]
        return self._random.choice(booked) if booked else None


def _code(answer: requests.Response) -> str:
    is_problem = answer.status_code >= HTTPStatus.BAD_REQUEST
    return str(answer.json().get("code")) if is_problem else ""


def _told(answer: requests.Response) -> Json:
    """Give what an answer says, without what belongs to the request."""
    told: Json = answer.json()
    return {name: value for name, value in told.items() if name != "request_id"}
