"""The address where an insurer publishes the public keys of a client."""

from integrations import outgoing
from integrations.outgoing import Session


def fetch(session: Session, url: str) -> bytes:
    """Read what stands at the address, its first 8 KiB.

    Raises:
        PartnerUnavailable: nothing answered, or the system asks to come again.
        PartnerRefused: the system said no.
    """
    return outgoing.send(session, "GET", url, body=b"", headers={"Accept": "application/json"}).body
