"""Requests, and how wrk sends them."""

import json
import re
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from itertools import product
from pathlib import Path
from random import Random
from typing import Any
from urllib.parse import quote, urlencode
from uuid import UUID

from bench.population import CITIES, SPECIALIZATIONS
from bench.site import Site

CONNECTIONS = 8
REPLAY = Path(__file__).parent / "replay.lua"
_RESULT = re.compile(r"^RESULT (.*)$", re.MULTILINE)


@dataclass(frozen=True)
class Request:
    """One line of the file that wrk replays."""

    path: str
    method: str = "GET"
    key: str = ""
    etag: str = ""
    body: str = ""

    def __str__(self) -> str:
        return "\t".join([self.method, self.path, self.key, self.etag, self.body])


@dataclass(frozen=True)
class Run:
    """What wrk saw in one round."""

    answers: int
    rate: float
    median_ms: float
    p99_ms: float


def send(
    site: Site,
    file: Path,
    *,
    key: str,
    seconds: float,
    once: bool = False,
    expected: int = 200,
) -> Run:
    """Replay a file for some seconds.

    Args:
        once: end with the file's last line; else begin again.
        expected: the only status that counts; any other ends the benchmarks.
    """
    done = subprocess.run(
        [
            *("wrk", "--threads", "1", "--connections", str(CONNECTIONS)),
            *("--duration", f"{seconds:g}s", "--timeout", "30s", "--script", str(REPLAY)),
            *(site.url, "--", str(file), key, "once" if once else "cycle"),
        ],
        capture_output=True,
        text=True,
        check=False,
    )
    found = _RESULT.search(done.stdout)
    if not found:
        raise SystemExit(f"wrk failed: {done.stdout}{done.stderr}")
    result: dict[str, Any] = json.loads(found[1])
    good = result["statuses"].get(str(expected), 0)
    if set(result["statuses"]) != {str(expected)} or result["unanswered"]:
        raise SystemExit(
            f"{file.name}: answers {result['statuses']}, {result['unanswered']} not answered. "
            f"{result['first_bad']}\n{site.end_of_log}"
        )
    return Run(good, good / result["seconds"], result["median_ms"], result["p99_ms"])


def write(file: Path, requests: Iterable[Request]) -> Path:
    """Write what wrk replays."""
    file.write_text("".join(f"{request}\n" for request in requests), encoding="utf-8")
    return file


def floor(doctors: Iterable[UUID], size: int) -> list[Request]:
    """Ask for as many bytes as an operation answers, and do nothing for it."""
    return [Request(f"/bench/floor/{doctor}?bytes={size}") for doctor in doctors]


def free_times(doctors: Iterable[UUID], first: date) -> list[Request]:
    """Ask each doctor for 14 days."""
    period = urlencode({"from": first, "to": first + timedelta(days=13)})
    return [Request(f"/api/v1/doctors/{doctor}/slots?{period}") for doctor in doctors]


def pages(site: Site, *, key: str, most: int) -> list[Request]:
    """Ask for the first pages of 50 doctors, each with the cursor of the one before."""
    found, path = list[Request](), "/api/v1/doctors?limit=50"
    while len(found) < most:
        found.append(Request(path))
        cursor = json.loads(site.get(path, key).content)["next"]
        if cursor is None:
            break
        path = f"/api/v1/doctors?limit=50&cursor={quote(cursor)}"
    return found


def unchanged(site: Site, doctors: Iterable[UUID], *, key: str) -> list[Request]:
    """Ask for doctors that one has already."""
    paths = [f"/api/v1/doctors/{doctor}" for doctor in doctors]
    return [Request(path, etag=site.get(path, key).etag) for path in paths]


def events(head: int) -> list[Request]:
    """Ask for a feed in pages of 100."""
    return [
        Request(f"/api/v1/events?limit=100&after={after}") for after in range(0, head - 100, 100)
    ]


def searches(first: date) -> list[Request]:
    """Ask for each specialization in each city, 7 days, 20 results, in no order."""
    period = {"from": first, "to": first + timedelta(days=6), "limit": 20}
    places = [name for name, *_ in CITIES]
    wanted = list(product(places, SPECIALIZATIONS))
    Random(7).shuffle(wanted)
    return [
        Request(f"/api/v1/slots?{urlencode({'city': city, 'specialization': field} | period)}")
        for city, field in wanted
    ]


def bookings(slots: Iterable[tuple[UUID, UUID, datetime]]) -> list[Request]:
    """Book each slot for a patient of its own."""
    return [
        Request(
            "/api/v1/appointments",
            "POST",
            key=f"bench-{doctor}-{start:%Y%m%d%H%M}",
            body=json.dumps(
                {
                    "doctor_id": str(doctor),
                    "location_id": str(place),
                    "start": start.isoformat(),
                    "external_appointment_id": f"bench-{doctor}-{start:%Y%m%d%H%M}",
                    "patient_reference": "bench-patient",
                }
            ),
        )
        for doctor, place, start in slots
    ]
