"""Code that makes each call, for the reference; tests run it as it is shown."""

from integrations.api.samples import curl, javascript, python
from integrations.api.samples.calls import Call, call_of

__all__ = ["Call", "call_of", "samples"]


def samples(call: Call) -> list[tuple[str, str]]:
    """Give the call in each language, under its name."""
    return [
        ("curl", curl.written(call)),
        ("Python", python.written(call)),
        ("JavaScript", javascript.written(call)),
    ]
