"""Who this insurer is and where DocPort is: from the demo file, the environment and flags."""

import argparse
import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from integrations.mock_insurer.behaviour import GOOD, BadBehaviour, Behaviour, read_behaviour

# What an environment variable or a flag may say instead of the demo file.
OVERRIDES = {
    "name": "INSURER_NAME",
    "api_key": "INSURER_API_KEY",
    "webhook_secret": "INSURER_WEBHOOK_SECRET",
    "webhook_public_key": "INSURER_WEBHOOK_PUBLIC_KEY",
    "base_url": "INSURER_DOCPORT_URL",
}


@dataclass(frozen=True)
class Configuration:
    """One insurer."""

    name: str
    slug: str
    api_key: str
    webhook_secret: str
    webhook_public_key: str
    base_url: str
    port: int
    database: Path
    behaviour: Behaviour = GOOD
    certificate: Path | None = None
    private_key: Path | None = None


class Misconfigured(Exception):
    """Something needed is missing; the message names it."""


def read(arguments: Sequence[str], environment: Mapping[str, str] = os.environ) -> Configuration:
    """Give the configuration; flags win over the environment, and that over the demo file.

    Raises:
        Misconfigured: with what is missing and how to give it.
    """
    given = parser().parse_args(arguments)
    values = from_demo_file(given.demo_file, given.slug)
    values |= {key: environment[name] for key, name in OVERRIDES.items() if environment.get(name)}
    values |= {key: value for key in OVERRIDES if (value := getattr(given, key))}
    for key, variable in OVERRIDES.items():
        if not values.get(key):
            flag = key.replace("_", "-")
            raise Misconfigured(f"The insurer's {key} is missing: give --{flag} or {variable}.")
    return Configuration(
        **values,
        slug=given.slug,
        port=given.port,
        database=given.database or given.demo_file.parent / "mock" / f"{given.slug}.sqlite3",
        behaviour=behaviour(given.behaviour),
        certificate=given.certificate,
        private_key=given.private_key,
    )


def behaviour(text: str) -> Behaviour:
    """Read how the insurer is to behave at first.

    Raises:
        Misconfigured: it is no JSON, or describes no behaviour.
    """
    try:
        return read_behaviour(json.loads(text))
    except (BadBehaviour, ValueError) as error:
        raise Misconfigured(f"--behaviour cannot be followed: {error}") from error


def parser() -> argparse.ArgumentParser:
    """Give the command line."""
    flags = argparse.ArgumentParser("python -m integrations.mock_insurer", description=__doc__)
    flags.add_argument("--slug", required=True, help="which insurer of the demo file to be")
    flags.add_argument("--port", type=int, required=True, help="port on 127.0.0.1")
    flags.add_argument("--demo-file", type=Path, default=Path("var/demo.json"))
    flags.add_argument("--database", type=Path, help="default: mock/SLUG.sqlite3 beside the file")
    flags.add_argument("--behaviour", default="{}", help="misbehave at first, as JSON")
    flags.add_argument("--certificate", type=Path, help="PEM file to serve TLS with")
    flags.add_argument("--private-key", type=Path, help="PEM file, if the certificate has none")
    for key, variable in OVERRIDES.items():
        flags.add_argument(f"--{key.replace('_', '-')}", help=f"or {variable} in the environment")
    return flags


def from_demo_file(path: Path, slug: str) -> dict[str, Any]:
    """Give what the demo file says of this insurer; nothing when there is no such file.

    Raises:
        Misconfigured: the file names other insurers, but not this one.
    """
    if not path.exists():
        return {}
    demo = json.loads(path.read_text(encoding="utf-8"))
    insurers = {insurer["slug"]: insurer for insurer in demo["insurers"]}
    if slug not in insurers:
        known = ", ".join(sorted(insurers))
        raise Misconfigured(f"{path} has no insurer {slug!r}. It has: {known}.")
    keys = ("name", "api_key", "webhook_secret", "webhook_public_key")
    return {key: insurers[slug][key] for key in keys} | {"base_url": demo["base_url"]}
