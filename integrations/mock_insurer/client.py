"""Call DocPort's API: HTTP only, no opinion about what the answers mean."""

from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

import requests

_SECONDS = (3.05, 10)


class Unavailable(Exception):
    """DocPort gave no usable answer; trying the same again later can help."""


@dataclass(frozen=True)
class Answer:
    """What DocPort said; a refusal is an answer too, as RFC 9457 problem details."""

    status: int
    body: Any
    replayed: bool = False

    @property
    def accepted(self) -> bool:
        """Whether DocPort did what was asked."""
        return self.status < HTTPStatus.MULTIPLE_CHOICES


class DocPort:
    """DocPort as one insurer may use it."""

    def __init__(self, base_url: str, api_key: str, session: requests.Session) -> None:
        self._base = f"{base_url.rstrip('/')}/api/v1"
        self._session = session
        # A proxy or a .netrc of the machine must not meet the key.
        session.trust_env = False
        session.headers["Authorization"] = f"Bearer {api_key}"
        session.headers["Accept"] = "application/json"

    def me(self) -> Answer:
        """Ask who DocPort thinks this insurer is, and what its key may do."""
        return self._call("GET", "/me")

    def free_slots(self, doctor_id: str, *, first: str, end: str) -> Answer:
        """Ask for a doctor's free times, at most 31 days at once.

        Args:
            first: RFC 3339 instant.
            end: RFC 3339 instant, not included.
        """
        return self._call(
            "GET", f"/doctors/{quote(doctor_id, safe='')}/slots", query={"from": first, "to": end}
        )

    def find(self, wanted: dict[str, str]) -> Answer:
        """Ask for the earliest free times of all doctors.

        Args:
            wanted: filters, such as `specialization`, `city` and `mode`.
        """
        return self._call("GET", "/slots", query=wanted)

    def hold(self, wanted: dict[str, str], *, key: str) -> Answer:
        """Keep a free time for a few minutes.

        Args:
            key: the same for every try of this hold, so that it is made once.
        """
        return self._call("POST", "/holds", body=wanted, key=key)

    def renew(self, hold_id: str) -> Answer:
        """Let a hold last longer; once."""
        return self._call("POST", f"/holds/{quote(hold_id, safe='')}/renew")

    def release(self, hold_id: str) -> Answer:
        """Give a held time back."""
        return self._call("DELETE", f"/holds/{quote(hold_id, safe='')}")

    def book(self, appointment: dict[str, Any], *, key: str) -> Answer:
        """Book a free time.

        Args:
            key: the same for every try of this booking, so that it happens once.
        """
        return self._call("POST", "/appointments", body=appointment, key=key)

    def appointment(self, appointment_id: str) -> Answer:
        """Ask how one of this insurer's appointments stands now."""
        return self._call("GET", f"/appointments/{quote(appointment_id, safe='')}")

    def move(self, appointment_id: str, wanted: dict[str, str], *, version: int) -> Answer:
        """Give one of this insurer's appointments another time.

        Args:
            version: which we have read; DocPort refuses if the appointment changed since.
        """
        path = f"/appointments/{quote(appointment_id, safe='')}"
        return self._call("PATCH", path, body=wanted, headers={"If-Match": f'"{version}"'})

    def cancel(self, appointment_id: str, *, reason: str, key: str) -> Answer:
        """Cancel one of this insurer's appointments.

        Args:
            reason: one of DocPort's codes, such as `patient_request`.
        """
        path = f"/appointments/{quote(appointment_id, safe='')}/cancel"
        return self._call("POST", path, body={"reason": reason}, key=key)

    def ask(self, wanted: dict[str, Any], *, key: str) -> Answer:
        """Ask a doctor for consent, by registration number.

        Args:
            key: the same for every try of this request.
        """
        return self._call("POST", "/consents", body=wanted, key=key)

    def erased(self, consent_id: str, *, at: str) -> Answer:
        """Say when we erased what a doctor had shown us, whose consent to us has ended.

        Args:
            at: RFC 3339 instant.
        """
        path = f"/consents/{quote(consent_id, safe='')}/erasure"
        return self._call("POST", path, body={"erased_at": at})

    def _call(
        self,
        method: str,
        path: str,
        *,
        query: Any = None,
        body: Any = None,
        key: str | None = None,
        headers: dict[str, str] | None = None,
    ) -> Answer:
        keyed = {"Idempotency-Key": key} if key else {}
        try:
            response = self._session.request(
                method,
                f"{self._base}{path}",
                params=query,
                json=body,
                headers=keyed | (headers or {}),
                timeout=_SECONDS,
                allow_redirects=False,
            )
            answer = response.json() if response.content else None
        except requests.RequestException as error:
            raise Unavailable(f"DocPort does not answer ({type(error).__name__}).") from error
        status = response.status_code
        if status >= HTTPStatus.INTERNAL_SERVER_ERROR or status == HTTPStatus.TOO_MANY_REQUESTS:
            raise Unavailable(f"DocPort answered {response.status_code}.")
        replayed = response.headers.get("Idempotency-Replayed") == "true"
        return Answer(response.status_code, answer, replayed)
