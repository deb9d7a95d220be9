"""Book, cancel, and look again when an event says that something changed."""

import hashlib
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

from integrations.mock_insurer.client import Answer, DocPort, Unavailable
from integrations.mock_insurer.erasures import report_erasures
from integrations.mock_insurer.store import Store

DAYS_AHEAD = 14
LOOK_AGAIN_EVERY_SECONDS = 5.0
NOT_OURS = {403, 404, 410}

log = logging.getLogger(__name__)


def free_slots(docport: DocPort, doctor_id: str, *, at: float) -> Answer:
    """Ask for the free times of the next two weeks."""
    now = datetime.fromtimestamp(at, UTC)
    end = now + timedelta(days=DAYS_AHEAD)
    return docport.free_slots(doctor_id, first=rfc3339(now), end=rfc3339(end))


def book(
    docport: DocPort,
    store: Store,
    *,
    doctor_id: str,
    start: str,
    location_id: str | None,
    patient_reference: str,
    key: str,
    at: float,
    hold_id: str | None = None,
) -> Answer:
    """Book one free time and keep the booking.

    Args:
        hold_id: our hold of that time, if we have one.
        key: chosen when the form was drawn, so that two clicks are one booking.
        patient_reference: opaque; DocPort must never learn who the patient is.
    """
    appointment = {
        "doctor_id": doctor_id,
        "start": start,
        # Our own number follows from the key, so that a second try asks for the very same.
        "external_appointment_id": f"V-{hashlib.sha256(key.encode()).hexdigest()[:12].upper()}",
        "patient_reference": patient_reference,
    }
    if location_id:
        appointment["location_id"] = location_id
    if hold_id:
        appointment["hold_id"] = hold_id
    answer = docport.book(appointment, key=key)
    if answer.accepted:
        store.keep_booking(answer.body, at=at)
    return answer


def move(
    docport: DocPort,
    store: Store,
    appointment_id: str,
    *,
    wanted: dict[str, str],
    version: int,
    at: float,
) -> Answer:
    """Give a booking another time and keep how it stands.

    Args:
        version: which the person saw who moves it.
    """
    answer = docport.move(appointment_id, wanted, version=version)
    if answer.accepted:
        store.keep_booking(answer.body, at=at)
    return answer


def cancel(
    docport: DocPort, store: Store, appointment_id: str, *, reason: str, at: float
) -> Answer:
    """Cancel a booking and keep how it stands."""
    answer = docport.cancel(appointment_id, reason=reason, key=f"cancel-{appointment_id}-{reason}")
    if answer.accepted:
        store.keep_booking(answer.body, at=at)
    return answer


def rfc3339(instant: datetime) -> str:
    """Write an instant as the API wants it."""
    return instant.isoformat(timespec="seconds").replace("+00:00", "Z")


class Reader(threading.Thread):
    """Acts on events after they were answered: asks DocPort how the appointment stands now.

    What is to be done stands in the database, so nothing is lost when the program ends here.
    """

    def __init__(
        self, store: Store, connect: Callable[[], DocPort], clock: Callable[[], float]
    ) -> None:
        super().__init__(name="reader", daemon=True)
        self._store = store
        self._connect = connect
        self._clock = clock
        self._wake = threading.Event()

    def wake(self) -> None:
        """Look at once instead of a little later."""
        self._wake.set()

    def run(self) -> None:
        while True:
            self._wake.wait(LOOK_AGAIN_EVERY_SECONDS)
            self._wake.clear()
            try:
                self.read_all()
            except Unavailable as error:
                log.warning("What is left is looked at again later. %s", error)

    def read_all(self) -> None:
        """Ask about every appointment that an event spoke of, and tell of what was erased.

        Raises:
            Unavailable: the rest stays to be done.
        """
        docport = self._connect()
        report_erasures(docport, self._store)
        for appointment_id, events in self._store.unread():
            self._read(docport, appointment_id, events)

    def _read(self, docport: DocPort, appointment_id: str, events: int) -> None:
        answer: Any = docport.appointment(appointment_id)
        if answer.accepted:
            self._store.keep_booking(answer.body, at=self._clock())
        elif answer.status not in NOT_OURS:
            raise Unavailable(f"DocPort answered {answer.status}.")
        self._store.mark_read(appointment_id, events)
