"""DocPort's own push protocol: the API's JSON, canonical and signed, put in place."""

from integrations.connectors.docport_json.client import erase, put, state_held
from integrations.connectors.docport_json.mapping import PARTS, documents, erasure

__all__ = ["PARTS", "documents", "erase", "erasure", "put", "state_held"]
