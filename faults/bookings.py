"""An insurer that books over HTTP, and asks again with the same key when it heard nothing."""

import time
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from itertools import count
from typing import Any
from uuid import uuid4

import requests

from faults.history import COMMITTED, Change, History, Wrote, instant
from faults.running import OVER_TLS

# A call with this header is the death of a web process that is prepared for it.
ASKS_FOR_IT = "X-Die-At-Commit"
BEFORE, AFTER = "before", "after"
_TIMEOUT_SECONDS = 30
_TRIES = 60
_PAUSE_SECONDS = 0.1


class NotAnswered(Exception):
    """There was no answer, however often it was asked."""


class Booker:
    """One insurer's client; it takes a doctor's free times one after the other."""

    def __init__(self, noted: History, url: str, insurer: Any, doctor: Any) -> None:
        self._history, self._url, self._insurer, self._doctor = noted, url, insurer, doctor
        self._headers = OVER_TLS | {"Authorization": f"Bearer {insurer.key}"}
        self._starts = self._free()
        self._numbers = count(1)
        self.tried = self.booked = self.replayed = 0

    def book_at_last(self) -> None:
        """Book, with another try wherever there was none or it was to come again."""
        before = self.booked
        for _ in range(_TRIES):
            self.book()
            if self.booked > before:
                return
            time.sleep(_PAUSE_SECONDS)

    def book(self) -> None:
        """Book the next free time, once."""
        began, body = instant(), self._body()
        self.tried += 1
        try:
            answer = self._post(body, key=str(uuid4()))
        except requests.RequestException as error:
            print(f"Not booked: {error}", flush=True)
            return
        if answer.status_code == HTTPStatus.CREATED:
            self._note(answer, began)
        else:
            print(f"Not booked: {answer.status_code} {answer.text[:300]}", flush=True)

    def book_in_vain(self, when: str) -> None:
        """Book so that the process dies, and never ask again; the time stays free.

        Raises:
            NotAnswered: it was answered, which must not be.
        """
        body = self._body()
        try:
            answer = self._post(body, key=str(uuid4()), dies=when)
        except requests.RequestException:
            self._starts.insert(0, body["start"])
        else:
            raise NotAnswered(f"It did not die: {answer.status_code} {answer.text[:300]}")

    def book_and_ask_again(self) -> None:
        """Book so that the process dies right after the commit, and ask until there is an answer.

        Raises:
            NotAnswered: there was none, or not the one that had been kept.
        """
        began, body, key = instant(), self._body(), str(uuid4())
        try:
            self._post(body, key=key, dies=AFTER)
        except requests.RequestException:
            answer = self._ask_again(body, key)
        else:
            raise NotAnswered("It did not die.")
        self.replayed += answer.headers.get("Idempotency-Replayed") == "true"
        self._note(answer, began)

    def _ask_again(self, body: dict[str, str], key: str) -> requests.Response:
        for _ in range(_TRIES):
            try:
                answer = self._post(body, key=key)
            except requests.RequestException:
                time.sleep(_PAUSE_SECONDS)
                continue
            # Until the database has noticed that the process is gone, the call is still running.
            if answer.status_code != HTTPStatus.CONFLICT:
                return answer
            time.sleep(_PAUSE_SECONDS)
        raise NotAnswered(body["external_appointment_id"])

    def _post(self, body: dict[str, str], *, key: str, dies: str = "") -> requests.Response:
        headers = self._headers | {"Idempotency-Key": key} | ({ASKS_FOR_IT: dies} if dies else {})
        return requests.post(
            f"{self._url}/api/v1/appointments", json=body, headers=headers, timeout=_TIMEOUT_SECONDS
        )

    def _body(self) -> dict[str, str]:
        number = next(self._numbers)
        return {
            "doctor_id": str(self._doctor.pk),
            "start": self._starts.pop(0),
            "external_appointment_id": f"V-{number}",
            "patient_reference": f"member-{number}",
        }

    def _free(self) -> list[str]:
        """Read the free times of the next days."""
        tomorrow = datetime.now(UTC) + timedelta(days=1)
        answer = requests.get(
            f"{self._url}/api/v1/doctors/{self._doctor.pk}/slots",
            params={
                "from": tomorrow.isoformat(),
                "to": (tomorrow + timedelta(days=12)).isoformat(),
            },
            headers=self._headers,
            timeout=_TIMEOUT_SECONDS,
        )
        answer.raise_for_status()
        return [slot["start"] for slot in answer.json()["items"]]

    def _note(self, answer: requests.Response, began: float) -> None:
        told, doctor = answer.json(), str(self._doctor.pk)
        change = Change(f"appointment/{told['id']}", told["version"], "appointment.booked")
        self._history.note(Wrote(change, doctor, COMMITTED, began, instant(), self._insurer.name))
        self.booked += 1
