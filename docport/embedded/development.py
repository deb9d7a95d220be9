"""Values for what the environment of a development machine lacks."""

import base64
import json
import os
import secrets
from pathlib import Path

from docport.embedded.places import Places


def development_environment() -> dict[str, str]:
    """Give addresses of the private servers and this checkout's own secrets; starts nothing."""
    places = Places.here()
    addresses = {"DATABASE_URL": places.database_url, "REDIS_URL": places.redis_url}
    return addresses | _kept_secrets(places.var / "development.json")


def new_secrets() -> dict[str, str]:
    """Generate SECRET_KEY, FIELD_KEYS and RECEIPT_KEYS in the formats that settings read."""
    from joserfc.jwk import OKPKey  # noqa: PLC0415  Only a checkout's first start pays for it.

    field_key = base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
    key = OKPKey.generate_key("Ed25519", {"kid": secrets.token_hex(8), "use": "sig"})
    return {
        "SECRET_KEY": secrets.token_urlsafe(50),
        "FIELD_KEYS": f"1:{field_key}",
        "RECEIPT_KEYS": json.dumps({"keys": [key.as_dict(private=True)]}),
    }


def _kept_secrets(path: Path) -> dict[str, str]:
    if not path.exists():
        _write_once(path, json.dumps(new_secrets(), indent=2))
    kept: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return kept


def _write_once(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_name(f"{path.name}.{os.getpid()}.{secrets.token_hex(4)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
    try:
        # A link appears whole and never replaces: of two racing processes, one set of keys stays.
        os.link(draft, path)
    except FileExistsError:
        pass
    finally:
        draft.unlink()
