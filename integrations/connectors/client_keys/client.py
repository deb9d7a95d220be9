"""The address where an insurer publishes the public keys of a client."""

from integrations import outgoing
from integrations.outgoing import Session


async def fetch(session: Session, url: str) -> bytes:
    """Read what stands at the address, its first 8 KiB.

    Raises:
        PartnerUnavailable: nothing answered, or the system asks to come again.
        PartnerRefused: the system said no.
    """
    headers = {"Accept": "application/json"}
    answer = await outgoing.send(session, "GET", url, body=b"", headers=headers)
    return answer.body
