"""Kinds of partner systems, one package each: `client` speaks HTTP, `mapping` is pure.

A kind whose systems are kept in step with doctors is a `Connector`. The push decides what a system
must hold, and when it is tried again; a connector only says it in the system's own words. How to
add one: `docs/connectors.md`.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol
from uuid import UUID

from integrations.outgoing import Session


@dataclass(frozen=True)
class Document:
    """One piece of what a system must hold of a doctor, exactly as it is sent.

    `part` tells the pieces of one doctor apart; equal states have equal bytes.
    """

    part: str
    body: bytes

    @property
    def state(self) -> str:
        """Tell states apart: the SHA-256 of the bytes, in hexadecimal."""
        return hashlib.sha256(self.body).hexdigest()


@dataclass(frozen=True)
class Partner:
    """A system and how to reach it; `sign` takes the part and the bytes and gives headers."""

    session: Session
    base_url: str
    sign: Callable[[str, bytes], dict[str, str]]


class Connector(Protocol):
    """What the push needs of a kind of system; a package with these functions is one.

    What goes out raises `PartnerUnavailable` where trying again can help, and `PartnerRefused`
    where the system said no; a status of 410 means that it does not want this doctor. What the
    system holds already, or holds newer, is no error. Nothing here touches the database.
    """

    # The parts of a doctor's state, in the order in which they are sent.
    PARTS: tuple[str, ...]

    def documents(
        self, profile: Mapping[str, Any], hours: Mapping[str, Any]
    ) -> tuple[Document, ...]:
        """Give all that a system must hold of a doctor, a document for each of `PARTS`."""
        ...

    def erasure(self, doctor: UUID, *, reason: str, erase_by: str | None) -> Document:
        """Give what asks a system to erase a doctor."""
        ...

    async def put(
        self, partner: Partner, doctor: UUID, document: Document, *, version: int
    ) -> None:
        """Put one document in place of what the system holds."""
        ...

    async def erase(
        self, partner: Partner, doctor: UUID, document: Document, *, version: int
    ) -> None:
        """Ask to erase a doctor; one that the system never held is erased."""
        ...

    async def state_held(self, partner: Partner, doctor: UUID, part: str) -> str | None:
        """Give the `state` of the document that the system holds, empty where it holds none.

        `None` where such systems, or this one, do not tell.
        """
        ...
