"""The mirror of the guide on catching up: right after every kind of absence."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.utils.timezone import now

from integrations.models import FeedEntry
from integrations.tests.test_documentation.documents import blocks
from integrations.tests.test_documentation.live import Insurer, make_insurers, tell
from scheduling.models import Appointment

pytestmark = pytest.mark.django_db(transaction=True)
Mirror = dict[str, dict[str, Any]]


@pytest.fixture
def insurer(web: str) -> Insurer:
    return make_insurers(at=now())[0]


@pytest.fixture
def catch_up(web: str, insurer: Insurer, tmp_path: Path) -> Callable[[], Mirror]:
    (program,) = blocks("guides/catching-up", **{"https://docport.example": web})

    def run() -> Mirror:
        """Run the program in its folder, where its file stays, and give what it has."""
        tell(at=now())
        ended = subprocess.run(
            [sys.executable, "-c", program.code],
            env=os.environ | {"DOCPORT_KEY": insurer.key},
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert ended.returncode == 0, ended.stderr
        mirror: Mirror = json.loads(ended.stdout)
        return mirror

    return run


def doctors(mirror: Mirror) -> set[str]:
    return {path.split("/")[2] for path in mirror if path.startswith("/doctors/")}


def appointments(mirror: Mirror) -> dict[str, str]:
    return {shown["id"]: shown["status"] for path, shown in mirror.items() if "/app" in path}


def test_a_mirror_follows_the_feed(catch_up: Callable[[], Mirror], insurer: Insurer) -> None:
    first = catch_up()
    assert doctors(first) == {str(one.pk) for one in insurer.doctors}
    assert f"/doctors/{insurer.doctors[0].pk}/availability" in first
    assert f"/doctors/{insurer.doctors[2].pk}/availability" not in first

    booked = insurer.book(at=now(), number="V-2")
    insurer.lose(at=now())
    later = catch_up()

    assert doctors(later) == {str(one.pk) for one in insurer.doctors[:2]}
    assert appointments(later)[str(booked.pk)] == "BOOKED"
    assert catch_up() == later


def test_a_mirror_starts_over_when_it_was_away_for_too_long(
    catch_up: Callable[[], Mirror], insurer: Insurer
) -> None:
    catch_up()
    insurer.lose(at=now())
    insurer.book(at=now(), number="V-2")
    tell(at=now())
    FeedEntry.objects.update(created_at=now() - timedelta(days=31))

    mirror = catch_up()

    assert doctors(mirror) == {str(one.pk) for one in insurer.doctors[:2]}
    own = Appointment.objects.filter(insurance_provider=insurer.provider)
    assert set(appointments(mirror)) == {str(one) for one in own.values_list("pk", flat=True)}
    late = insurer.book(at=now(), number="V-3")
    assert str(late.pk) in appointments(catch_up())
