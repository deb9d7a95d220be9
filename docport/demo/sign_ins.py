"""The file that tells people, scripts and the mock insurers how to sign in: `var/demo.json`."""

import json
import os
import secrets
from pathlib import Path
from typing import Any

_PASSWORD_BYTES = 9


class SignIns:
    """Passwords and keys of the demo, each made up once for this installation."""

    def __init__(self, path: Path) -> None:
        self._path = path
        kept: dict[str, Any] = {}
        if path.exists():
            kept = json.loads(path.read_text(encoding="utf-8"))
        people = [kept["admin"], *kept["doctors"]] if kept else []
        self._passwords: dict[str, str] = {person["email"]: person["password"] for person in people}
        self._insurers = {insurer["slug"]: insurer for insurer in kept.get("insurers", [])}

    def knows(self, email: str) -> bool:
        """Tell whether a password was made up for this person before."""
        return email in self._passwords

    def password(self, email: str) -> str:
        """Give a person's password, made up at the first question."""
        return self._passwords.setdefault(email, secrets.token_urlsafe(_PASSWORD_BYTES))

    def api_key(self, slug: str) -> str | None:
        """Give an insurer's key, which the database does not know."""
        key: str | None = self._insurers.get(slug, {}).get("api_key")
        return key

    def write(
        self,
        *,
        base_url: str,
        admin: str,
        doctors: list[tuple[str, str]],
        insurers: list[dict[str, str]],
    ) -> None:
        """Write the file anew, readable for its owner alone.

        Args:
            admin: the admin's email.
            doctors: ids and emails.
            insurers: `name`, `slug`, `api_key`, `mock_url`, `webhook_secret` and
                `webhook_public_key` of each.
        """
        content = {
            "base_url": base_url,
            "admin": {"email": admin, "password": self.password(admin)},
            "doctors": [
                {"id": doctor_id, "email": email, "password": self.password(email)}
                for doctor_id, email in doctors
            ],
            "insurers": insurers,
        }
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Nobody reads half a file, nor a file that others may read.
        draft = self._path.with_name(f"{self._path.name}.{os.getpid()}")
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(json.dumps(content, indent=2, ensure_ascii=False) + "\n")
        draft.replace(self._path)
