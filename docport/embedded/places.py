"""Where the private servers of a checkout keep their files, and the addresses that follow."""

import hashlib
import os
import stat
import tempfile
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

POSTGRES_PORT = 5432


class EmbeddedError(RuntimeError):
    """A private server cannot be used; the message says what to do."""


@dataclass(frozen=True)
class Places:
    """Every path and address of one checkout's servers."""

    var: Path
    runtime: Path

    @classmethod
    def here(cls) -> "Places":
        """Give the places of this checkout, or of DOCPORT_VAR when it is set."""
        checkout = Path(__file__).resolve().parents[2]
        var = Path(os.environ.get("DOCPORT_VAR") or checkout / "var").resolve()
        digest = hashlib.sha256(bytes(var)).hexdigest()[:12]
        return cls(var=var, runtime=_short_directory() / f"docport-{os.geteuid()}-{digest}")

    @property
    def postgres_data(self) -> Path:
        return self.var / "postgres"

    @property
    def postgres_sockets(self) -> Path:
        return self.runtime / "postgres"

    @property
    def postgres_socket(self) -> Path:
        return self.postgres_sockets / f".s.PGSQL.{POSTGRES_PORT}"

    @property
    def redis_socket(self) -> Path:
        return self.runtime / "redis.sock"

    @property
    def database_url(self) -> str:
        # The port is named because PGPORT in a developer's shell would change it otherwise.
        host = quote(str(self.postgres_sockets), safe="")
        return f"postgresql://docport@{host}:{POSTGRES_PORT}/docport"

    @property
    def redis_url(self) -> str:
        return f"unix://{self.redis_socket}"

    def log(self, service: str) -> Path:
        return self.var / "log" / f"{service}.log"

    def lock(self, service: str, purpose: str) -> Path:
        return self.var / "embedded" / f"{service}.{purpose}.lock"

    def create(self) -> None:
        """Create the directories.

        Raises:
            EmbeddedError: one cannot be made, or belongs to somebody else.
        """
        try:
            for directory in (self.var / "log", self.var / "embedded"):
                directory.mkdir(parents=True, exist_ok=True)
            self.runtime.mkdir(mode=0o700, exist_ok=True)
        except OSError as error:
            raise EmbeddedError(
                f"Cannot create {error.filename}: {error.strerror}.\n"
                "Make the directory writable, or choose another with DOCPORT_VAR."
            ) from error
        _check_private(self.runtime)


def _short_directory() -> Path:
    # A socket's path may have about 100 bytes, which many a checkout's path exceeds. TMPDIR
    # is not asked: processes of one checkout may differ in it and must find the same servers.
    fixed = Path("/tmp")  # noqa: S108  The directory made in it is private and checked.
    return fixed if fixed.is_dir() else Path(tempfile.gettempdir())


def _check_private(directory: Path) -> None:
    found = directory.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid():
        raise EmbeddedError(
            f"{directory} exists but is not a directory of yours.\n"
            "Remove it, or choose another DOCPORT_VAR, which gives it another name."
        )
    directory.chmod(0o700)
