"""File locks that end with the process that holds them, however it ends."""

import fcntl
import os
from pathlib import Path


class FileLock:
    """One open lock file; closing it, or the end of the process, gives up the lock."""

    def __init__(self, path: Path) -> None:
        # Python closes the descriptor on exec, so no started program keeps the lock by accident.
        self._descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)

    def share(self) -> None:
        """Wait for a lock that others may share."""
        fcntl.flock(self._descriptor, fcntl.LOCK_SH)

    def is_free(self) -> bool:
        """Whether nobody else holds the exclusive lock; asking does not keep others waiting."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        return True

    def take(self) -> None:
        """Wait for the exclusive lock."""
        fcntl.flock(self._descriptor, fcntl.LOCK_EX)

    def try_take(self) -> bool:
        """Take the exclusive lock unless somebody else holds any."""
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        return True

    def close(self) -> None:
        # Unlocking, not merely closing: a forked child may hold a copy of the descriptor.
        fcntl.flock(self._descriptor, fcntl.LOCK_UN)
        os.close(self._descriptor)
