import ast
import json
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from integrations.mock_insurer.configuration import OVERRIDES, Misconfigured, read
from integrations.tests.factories import PUBLIC_KEY
from integrations.tests.test_mock_insurer.conftest import (
    CHECKOUT,
    PACKAGE,
    SECRET,
    FakeDocPort,
)


def test_it_imports_nothing_of_docport() -> None:
    allowed = sys.stdlib_module_names | {"requests", "cryptography"}
    imported = set()
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                imported |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                imported.add(node.module or "")

    foreign = {
        name
        for name in imported
        if name.split(".")[0] not in allowed and not name.startswith("integrations.mock_insurer")
    }

    assert foreign == set()


def test_its_modules_stay_small() -> None:
    lines = {path.name: len(path.read_text().splitlines()) for path in PACKAGE.glob("*.py")}

    assert max(lines.values()) < 250


def test_flags_win_over_the_environment_and_that_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "demo.json"
    insurer = {"name": "Nila", "slug": "nila", "api_key": "k", "webhook_secret": "s"}
    insurer["webhook_public_key"] = "p"
    file.write_text(json.dumps({"base_url": "http://127.0.0.1:8000", "insurers": [insurer]}))
    arguments = ["--slug", "nila", "--port", "8001", "--demo-file", str(file)]

    plain = read(arguments, {})
    varied = read([*arguments, "--name", "Flag"], {"INSURER_NAME": "E", "INSURER_API_KEY": "e"})

    assert plain.database == tmp_path / "mock" / "nila.sqlite3"
    assert (plain.name, plain.base_url) == ("Nila", "http://127.0.0.1:8000")
    assert (varied.name, varied.api_key) == ("Flag", "e")
    with pytest.raises(Misconfigured, match="It has: nila"):
        read(["--slug", "other", "--port", "1", "--demo-file", str(file)], {})
    with pytest.raises(Misconfigured, match="INSURER_NAME"):
        read(["--slug", "nila", "--port", "1", "--demo-file", str(tmp_path / "none")], {})


@pytest.mark.parametrize("behaviour", ["{", '{"speed": 1}'])
def test_a_behaviour_given_at_the_start_must_make_sense(tmp_path: Path, behaviour: str) -> None:
    given = dict.fromkeys(OVERRIDES.values(), "x")
    arguments = ["--slug", "nila", "--port", "1", "--demo-file", str(tmp_path / "none")]

    assert read([*arguments, "--behaviour", '{"status": 503}'], given).behaviour.status == 503
    with pytest.raises(Misconfigured, match="--behaviour"):
        read([*arguments, "--behaviour", behaviour], given)


def test_it_runs_as_a_program_and_stops_when_told(docport: FakeDocPort, tmp_path: Path) -> None:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "integrations.mock_insurer", "--slug", "nila"]
    flags = {
        "port": str(port),
        "demo-file": str(tmp_path / "demo.json"),
        "name": "Nila Health",
        "api-key": "k",
        "webhook-secret": SECRET,
        "webhook-public-key": PUBLIC_KEY,
        "base-url": docport.url,
    }
    command += [word for name, value in flags.items() for word in (f"--{name}", value)]
    process = subprocess.Popen(command, cwd=CHECKOUT, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        assert "listens on" in process.stdout.readline()
        health = requests.get(f"http://127.0.0.1:{port}/healthz", timeout=5).json()
    finally:
        process.terminate()
        code = process.wait(10)
        process.stdout.close()

    assert health == {"status": "ok", "insurer": "Nila Health"}
    assert code == 0
    assert (tmp_path / "mock" / "nila.sqlite3").exists()
