"""Start a program that dies with its starter and, on request, does not run as root.

Both must be arranged between fork and exec. Doing it in a small program of its own is safe in
processes with threads. It runs by its path, before any package is importable, so it uses the
standard library only.
"""

import argparse
import ctypes
import os
import signal
import stat
import sys
from pathlib import Path

# From Linux's <linux/capability.h> and <sys/prctl.h>.
DAC_OVERRIDE = 1
DAC_READ_SEARCH = 2
CAPABILITY_VERSION_3 = 0x20080522
PR_SET_PDEATHSIG = 1
PR_SET_KEEPCAPS = 8
PR_SET_SECUREBITS = 28
SECBIT_NO_SETUID_FIXUP = 4
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_RAISE = 2


class Capabilities(ctypes.Structure):
    """The header and the two words of sets that `capget` and `capset` exchange."""

    _fields_ = (
        ("effective", ctypes.c_uint32),
        ("permitted", ctypes.c_uint32),
        ("inheritable", ctypes.c_uint32),
    )


def launch_command(
    command: list[str], *, user: tuple[int, int] | None = None, farewell: int = signal.SIGTERM
) -> list[str]:
    """Give the command that starts `command` bound to the life of this process.

    Args:
        user: uid and gid to run as; None keeps this process's own.
        farewell: signal sent to the program when this process dies (Linux only).
    """
    launcher = [sys.executable, "-I", "-S", str(Path(__file__).resolve())]
    options = [f"--parent={os.getpid()}", f"--farewell={int(farewell)}"]
    if user is not None:
        options.append(f"--user={user[0]}:{user[1]}")
    return [*launcher, *options, "--", *command]


def become(uid: int, gid: int, program: str) -> None:
    """Become another user who can still reach files below directories closed to them.

    A checkout may lie in a directory that only root may enter. One capability, kept over the
    change of user and over exec, opens such directories for reading and nothing else. Where
    the kernel does not grant it, the program has to be reachable without.
    """
    wanted = _capability(program) if sys.platform == "linux" else None
    if wanted is not None:
        _prctl(PR_SET_KEEPCAPS, 1)
        # Without it, access(2), which initdb asks about its programs, forgets the capability.
        _prctl(PR_SET_SECUREBITS, SECBIT_NO_SETUID_FIXUP)
    os.setgroups([])
    os.setgid(gid)
    os.setuid(uid)
    if wanted is not None:
        sets = (Capabilities * 2)()
        sets[0] = Capabilities(1 << wanted, 1 << wanted, 1 << wanted)
        ctypes.CDLL(None).capset(_header(), sets)
        _prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, wanted)


def _capability(program: str) -> int | None:
    sets = (Capabilities * 2)()
    ctypes.CDLL(None).capget(_header(), sets)
    # The narrower one suffices unless the program was installed for its owner only.
    runs_for_all = bool(Path(program).stat().st_mode & stat.S_IXOTH)
    choice = (DAC_READ_SEARCH, DAC_OVERRIDE) if runs_for_all else (DAC_OVERRIDE,)
    return next((one for one in choice if sets[0].permitted & 1 << one), None)


def _prctl(option: int, *values: int) -> None:
    arguments = (*values, 0, 0, 0, 0)[:4]
    ctypes.CDLL(None).prctl(option, *map(ctypes.c_ulong, arguments))


def _header() -> ctypes.Array[ctypes.c_uint32]:
    return (ctypes.c_uint32 * 2)(CAPABILITY_VERSION_3, 0)


def die_with_parent(parent: int, farewell: int) -> None:
    """Ask the kernel for a signal when the parent dies; leave if it is dead already."""
    if sys.platform == "linux":
        _prctl(PR_SET_PDEATHSIG, farewell)
    if os.getppid() != parent:
        raise SystemExit(1)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--farewell", type=int, required=True)
    parser.add_argument("--user")
    parser.add_argument("command", nargs="+")
    asked = parser.parse_args()
    try:
        if asked.user:
            uid, gid = map(int, asked.user.split(":"))
            become(uid, gid, asked.command[0])
        # A change of user forgets this request, so it comes after.
        die_with_parent(asked.parent, asked.farewell)
        os.execvp(asked.command[0], asked.command)  # noqa: S606  The caller names the program.
    except OSError as error:
        raise SystemExit(f"Cannot start {asked.command[0]}: {error.strerror}.") from error


if __name__ == "__main__":
    main()
