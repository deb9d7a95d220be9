"""Break DocPort on purpose and judge what it kept: `make faults`, `python -m faults --only none`.

Everything runs on this machine: gunicorn, two workers, beat, PostgreSQL and Redis, on private
servers in a temporary folder; insurers' endpoints listen beside them. Each fault has a database
and processes of its own. The exit code is 1 when something did not hold.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from bench.site import CHECKOUT, empty_site, servers
from docport.embedded.launch import launch_command
from faults.finding import Finding, table
from faults.names import BRIEF_SECONDS, FAULTS, IN_BRIEF
from faults.row import FINDINGS

TEMPLATE = "faults_template"
SECONDS = FAULTS | {IN_BRIEF: BRIEF_SECONDS}
ZONE = ZoneInfo("Asia/Kolkata")


def main() -> None:
    arguments = _arguments()
    found: list[Finding] = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="docport-faults-")))
        environment = stack.enter_context(servers(folder / "var"))
        empty_site(environment, folder / "var", TEMPLATE).manage("migrate", "--verbosity=0")
        for name in arguments.only:
            seconds = arguments.seconds or SECONDS[name]
            for finding in _row(name, environment, folder, seconds):
                _show(finding)
                found.append(finding)
        _keep(folder, arguments.keep)
    print(f"\n{datetime.now(ZONE):%-d %B %Y %H:%M}, load average {os.getloadavg()[1]:.1f}\n")
    print(table(found))
    sys.exit(not all(finding.held for finding in found))


def _row(name: str, environment: dict[str, str], folder: Path, seconds: float) -> Iterator[Finding]:
    """Run one fault in a process of its own, on a database of its own."""
    began, here = time.monotonic(), folder / name
    here.mkdir()
    database = f"faults_{name.replace('-', '_')}"
    site = empty_site(environment, folder / "var", database, template=TEMPLATE)
    print(f"{name} …", flush=True)
    with (here / "row.log").open("wb") as log:
        command = [sys.executable, "-m", "faults.row", name, str(here), str(seconds)]
        code = subprocess.run(
            launch_command(command),
            cwd=CHECKOUT,
            env=site.environment,
            stdout=log,
            stderr=log,
            check=False,
        ).returncode
    print(f"{name}: {time.monotonic() - began:.0f} s", flush=True)
    if code:
        end = (here / "row.log").read_text(errors="replace").splitlines()[-30:]
        yield Finding(name, "the fault can be brought about", "it broke off", held=False,
                      details=tuple(end))  # fmt: skip
        return
    for one in json.loads((here / FINDINGS).read_text()):
        yield Finding(**one | {"details": tuple(one["details"])})


def _show(finding: Finding) -> None:
    print(f"  {finding.verdict}: {finding.fault}: {finding.measured}", flush=True)
    for line in finding.details:
        print(f"    {line}", flush=True)


def _keep(folder: Path, kept: Path | None) -> None:
    """Leave histories and logs where they can be read afterwards."""
    if kept is not None:
        for name in SECONDS:
            for file in (folder / name).glob("*.*"):
                target = kept / name / file.name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(file.read_bytes())


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m faults", description=__doc__)
    parser.add_argument("--only", nargs="+", choices=SECONDS, default=list(FAULTS), metavar="FAULT",
                        help=f"some of them: {' '.join(SECONDS)}")  # fmt: skip
    parser.add_argument("--seconds", type=float, help="how long each fault lasts, if it lasts")
    parser.add_argument("--keep", type=Path, help="a folder for the histories and logs")
    return parser.parse_args()


if __name__ == "__main__":
    main()
