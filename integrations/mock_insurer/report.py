"""What the insurer saw of DocPort since it was last asked to start afresh; kept in memory."""

import dataclasses
import threading
from dataclasses import dataclass
from typing import Any


@dataclass
class Heard:
    """One webhook, by its `webhook-id`, over all its attempts."""

    webhook_id: str
    first_at: float
    last_at: float
    attempts: int = 0
    # How many attempts bore no signature that holds.
    not_genuine: int = 0
    # How many came although an earlier one had been taken.
    duplicates: int = 0
    taken_at: float | None = None
    last_status: int = 0
    type: str = ""
    subject: str = ""
    subject_version: int | None = None
    # Whether a newer event of the same subject had been taken before this one.
    is_late: bool = False


class Report:
    """Everything that was heard; a note costs a few microseconds, however much there is."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.start_afresh()

    def start_afresh(self) -> None:
        """Forget what was seen so far."""
        with self._lock:
            self._webhooks: dict[str, Heard] = {}
            self._newest: dict[str, int] = {}
            self._pushes = {"taken": 0, "older": 0, "not_genuine": 0, "not_taken": 0}

    def note_webhook(
        self, webhook_id: str, event: dict[str, Any], *, is_genuine: bool, status: int, at: float
    ) -> None:
        """Note one attempt of a webhook.

        Args:
            event: what the body says; nothing where it is not DocPort's.
            status: what it was answered with.
        """
        with self._lock:
            heard = self._webhooks.setdefault(webhook_id, Heard(webhook_id, at, at))
            heard.attempts += 1
            heard.last_at, heard.last_status = at, status
            if not is_genuine:
                heard.not_genuine += 1
                return
            heard.type, heard.subject = str(event.get("type", "")), str(event.get("subject", ""))
            heard.subject_version = event.get("subject_version")
            if heard.taken_at is not None:
                heard.duplicates += 1
            elif status // 100 == 2:  # noqa: PLR2004  The class of success.
                heard.taken_at = at
                self._judge_order(heard)

    def _judge_order(self, heard: Heard) -> None:
        if not isinstance(heard.subject_version, int):
            return
        newest = self._newest.get(heard.subject, heard.subject_version)
        heard.is_late = heard.subject_version < newest
        self._newest[heard.subject] = max(newest, heard.subject_version)

    def note_push(self, *, is_genuine: bool, status: int) -> None:
        """Note a push or an erasure."""
        with self._lock:
            self._pushes[_outcome(status) if is_genuine else "not_genuine"] += 1

    def summary(self) -> dict[str, Any]:
        """Give the counts."""
        with self._lock:
            heard = list(self._webhooks.values())
            pushes = dict(self._pushes)
        return {
            "webhooks": len(heard),
            "taken": sum(one.taken_at is not None for one in heard),
            "attempts": sum(one.attempts for one in heard),
            "not_genuine": sum(one.not_genuine for one in heard),
            "duplicates": sum(one.duplicates for one in heard),
            "late": sum(one.is_late for one in heard),
            "pushes": pushes,
        }

    def webhooks(self) -> list[dict[str, Any]]:
        """Give every webhook, in the order in which they first came."""
        with self._lock:
            return [dataclasses.asdict(one) for one in self._webhooks.values()]


def _outcome(status: int) -> str:
    if status == 409:  # noqa: PLR2004  Conflict.
        return "older"
    return "taken" if status // 100 == 2 else "not_taken"  # noqa: PLR2004  The class of success.
