"""The insurer's own database: its mirror of doctors, the events it heard, and its bookings."""

import json
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

Part = Literal["profile", "availability"]

# Times are Unix seconds unless they are DocPort's own words.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS doctors (
    id TEXT PRIMARY KEY,
    profile TEXT, profile_version INTEGER NOT NULL DEFAULT 0, profile_state TEXT,
    availability TEXT, availability_version INTEGER NOT NULL DEFAULT 0, availability_state TEXT,
    signed_at INTEGER NOT NULL, since REAL NOT NULL, updated_at REAL NOT NULL
);
CREATE TABLE IF NOT EXISTS erased_doctors (
    id TEXT PRIMARY KEY, signed_at INTEGER NOT NULL, reason TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS erasures (
    consent_id TEXT PRIMARY KEY, erased_at REAL NOT NULL, told INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE IF NOT EXISTS events (
    webhook_id TEXT PRIMARY KEY, type TEXT NOT NULL, feed_seq INTEGER, subject TEXT NOT NULL,
    received_at REAL NOT NULL, body TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS events_by_time ON events (received_at);
CREATE TABLE IF NOT EXISTS bookings (
    id TEXT PRIMARY KEY, body TEXT, version INTEGER NOT NULL DEFAULT 0,
    unread_events INTEGER NOT NULL DEFAULT 0, updated_at REAL NOT NULL
);
"""


class OlderThanHeld(Exception):
    """The message is older than what is held; nothing was changed."""


class Store:
    """What the insurer remembers. Each call is one transaction."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        connection = self._connect()
        connection.execute("PRAGMA journal_mode = WAL")
        connection.executescript(_SCHEMA)
        connection.close()

    # The mirror

    def replace(
        self, part: Part, doctor_id: str, body: Any, *, version: int, state: str, signed: int,
        at: float, keeps_newest: bool = True,
    ) -> None:  # fmt: skip
        """Take the whole new state of one part of a doctor.

        Args:
            keeps_newest: false where an older state may replace a newer one, which is wrong.

        Raises:
            OlderThanHeld: by version, or signed before the doctor was erased.
        """
        with self._transaction() as db:
            erased = db.execute("SELECT signed_at FROM erased_doctors WHERE id = ?", [doctor_id])
            if any(signed < row["signed_at"] for row in erased):
                raise OlderThanHeld
            db.execute("DELETE FROM erased_doctors WHERE id = ?", [doctor_id])
            db.execute(
                "INSERT INTO doctors (id, signed_at, since, updated_at) VALUES (?, ?, ?, ?) "
                "ON CONFLICT DO NOTHING",
                [doctor_id, signed, at, at],
            )
            changed = db.execute(
                f"UPDATE doctors SET {part} = ?, {part}_version = ?, {part}_state = ?, "  # noqa: S608  A Part.
                f"signed_at = max(signed_at, ?), updated_at = ? WHERE id = ? "
                f"AND ({part}_version <= ? OR NOT ?)",
                [json.dumps(body), version, state, signed, at, doctor_id, version, keeps_newest],
            )
            if not changed.rowcount:
                raise OlderThanHeld

    def erase(self, doctor_id: str, *, signed: int, reason: str) -> None:
        """Erase the mirror of a doctor and remember only that, and when.

        Raises:
            OlderThanHeld: DocPort has sent this doctor again since.
        """
        with self._transaction() as db:
            held = db.execute("SELECT signed_at FROM doctors WHERE id = ?", [doctor_id]).fetchone()
            if held and signed < held["signed_at"]:
                raise OlderThanHeld
            db.execute("DELETE FROM doctors WHERE id = ?", [doctor_id])
            db.execute(
                "INSERT INTO erased_doctors VALUES (?1, ?2, ?3) ON CONFLICT (id) DO UPDATE "
                "SET signed_at = max(signed_at, ?2), reason = ?3",
                [doctor_id, signed, reason],
            )

    def keep_erasure(self, consent_id: str, *, at: float) -> None:
        """Keep that what a doctor had shown is erased, so that DocPort is told."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO erasures (consent_id, erased_at) VALUES (?1, ?2) "
                "ON CONFLICT (consent_id) DO UPDATE SET erased_at = ?2, told = 0",
                [consent_id, at],
            )

    def untold_erasures(self) -> list[tuple[str, float]]:
        """Give the consents whose erasure DocPort does not know of, and when it was."""
        rows = self._rows("SELECT consent_id, erased_at FROM erasures WHERE NOT told")
        return [(row["consent_id"], row["erased_at"]) for row in rows]

    def mark_told(self, consent_id: str, erased_at: float) -> None:
        """Note that DocPort knows of an erasure; a later one of the same consent stays untold."""
        with self._transaction() as db:
            db.execute(
                "UPDATE erasures SET told = 1 WHERE consent_id = ? AND erased_at = ?",
                [consent_id, erased_at],
            )

    def doctors(self) -> list[dict[str, Any]]:
        """Give the whole mirror, who came last first."""
        return [
            self._opened(row) for row in self._rows("SELECT * FROM doctors ORDER BY since DESC, id")
        ]

    def doctor(self, doctor_id: str) -> dict[str, Any] | None:
        """Give one mirrored doctor."""
        rows = self._rows("SELECT * FROM doctors WHERE id = ?", doctor_id)
        return self._opened(rows[0]) if rows else None

    def lose_everything(self) -> None:
        """Forget all that is remembered, as when a database is restored from nothing."""
        with self._transaction() as db:
            for table in ("doctors", "erased_doctors", "erasures", "events", "bookings"):
                db.execute(f"DELETE FROM {table}")  # noqa: S608  Our own names.

    # What was heard

    def knows_newer(self, event: dict[str, Any]) -> bool:
        """Tell whether a newer event of the same subject is known."""
        sql = "SELECT 1 FROM events WHERE subject = ? AND json_extract(body, ?) > ? LIMIT 1"
        version = event.get("subject_version")
        return bool(self._rows(sql, event.get("subject", ""), "$.subject_version", version))

    def add_event(self, webhook_id: str, event: dict[str, Any], *, at: float) -> bool:
        """Keep an event; false when it is known, since every event may come twice."""
        with self._transaction() as db:
            added = db.execute(
                "INSERT INTO events VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING",
                [
                    webhook_id,
                    event["type"],
                    event.get("feed_seq"),
                    event.get("subject", ""),
                    at,
                    json.dumps(event),
                ],
            )
            appointment = event.get("data", {}).get("appointment_id")
            if added.rowcount and appointment:
                db.execute(
                    "INSERT INTO bookings (id, unread_events, updated_at) VALUES (?, 1, ?) "
                    "ON CONFLICT (id) DO UPDATE SET unread_events = unread_events + 1",
                    [appointment, at],
                )
            return bool(added.rowcount)

    def events(self, limit: int = 500) -> list[dict[str, Any]]:
        """Give the events that came last, newest first."""
        return [
            self._opened(row)
            for row in self._rows("SELECT * FROM events ORDER BY received_at DESC LIMIT ?", limit)
        ]

    # Bookings

    def keep_booking(self, body: dict[str, Any], *, at: float) -> None:
        """Keep DocPort's answer about an appointment, unless a newer one is held."""
        with self._transaction() as db:
            db.execute(
                "INSERT INTO bookings (id, body, version, updated_at) VALUES (?1, ?2, ?3, ?4) "
                "ON CONFLICT (id) DO UPDATE SET body = ?2, version = ?3, updated_at = ?4 "
                "WHERE version < ?3",
                [body["id"], json.dumps(body), body["version"], at],
            )

    def bookings(self) -> list[dict[str, Any]]:
        """Give every booking, the one that changed last first."""
        sql = "SELECT * FROM bookings WHERE version > 0 ORDER BY updated_at DESC"
        return [self._opened(row) for row in self._rows(sql)]

    def booking(self, appointment_id: str) -> dict[str, Any] | None:
        """Give one booking."""
        rows = self._rows("SELECT * FROM bookings WHERE version > 0 AND id = ?", appointment_id)
        return self._opened(rows[0]) if rows else None

    def unread(self) -> list[tuple[str, int]]:
        """Give the ids of bookings that events spoke of, and how many events that were."""
        sql = "SELECT id, unread_events FROM bookings WHERE unread_events > 0"
        return [(row["id"], row["unread_events"]) for row in self._rows(sql)]

    def mark_read(self, appointment_id: str, events: int) -> None:
        """Note that so many events were acted on; one that came meanwhile stays unread."""
        with self._transaction() as db:
            db.execute(
                "UPDATE bookings SET unread_events = unread_events - ? WHERE id = ?",
                [events, appointment_id],
            )

    @staticmethod
    def _opened(row: dict[str, Any]) -> dict[str, Any]:
        held = {"profile", "availability", "body"} & row.keys()
        return row | {key: json.loads(row[key]) for key in held if row[key] is not None}

    def _rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        connection = self._connect()
        try:
            return [dict(row) for row in connection.execute(sql, values)]
        finally:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        connection = sqlite3.connect(self._path, timeout=10, isolation_level=None)
        connection.row_factory = sqlite3.Row
        # What is erased is overwritten.
        connection.execute("PRAGMA secure_delete = ON")
        return connection

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        connection = self._connect()
        try:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
        finally:
            connection.close()
