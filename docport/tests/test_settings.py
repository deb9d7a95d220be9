import os
import subprocess
import sys
from pathlib import Path

from django.conf import settings

_SHOW = "import docport.settings as s; print(s.FIELD_KEYS)"


def show(**environment: str) -> subprocess.CompletedProcess[str]:
    given = {name: value for name, value in os.environ.items() if name != "FIELD_KEYS"}
    return subprocess.run(
        [sys.executable, "-c", _SHOW],
        cwd=settings.BASE_DIR,
        env=given | {"SECRET_KEY": "x" * 50, "RECEIPT_KEYS": "{}"} | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def production(**environment: str) -> subprocess.CompletedProcess[str]:
    return show(
        DOCPORT_ENV="production",
        BASE_URL="https://docport.example",
        ALLOWED_HOSTS="docport.example",
        DEFAULT_FROM_EMAIL="docport@docport.example",
        EMAIL_URL="console:",
        DATABASE_URL="postgresql://docport@localhost/docport",
        REDIS_URL="redis://localhost",
        **environment,
    )


def test_a_missing_setting_stops_the_start_and_is_named() -> None:
    done = production()

    assert done.returncode != 0
    assert "FIELD_KEYS" in done.stderr


def test_a_secret_may_stand_in_a_file(tmp_path: Path) -> None:
    secret = tmp_path / "field_keys"
    secret.write_text("1:abc,2:def\n")

    done = production(FIELD_KEYS_FILE=str(secret))

    assert done.stdout == "['1:abc', '2:def']\n", done.stderr
