"""Becomes another program, bound to the life of the process that started it.

Run by path (``python -I -S launch.py --parent PID --signal N [--account UID:GID [--see-all]] -- PROGRAM ARG…``), never
imported by the supervisor's own process: between fork and exec of a process with threads hardly anything is safe, in
a fresh interpreter everything is. Standard library only; it starts in about 15 ms.

The order matters: Linux forgets the parent-death signal when the account changes, so that comes first; and a parent
that died before ``prctl`` was called would never be noticed, so the parent is looked at once more afterwards.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import sys

_PR_SET_PDEATHSIG = 1
_PR_SET_SECUREBITS = 28
_SECBIT_NO_SETUID_FIXUP = 1 << 2
_PR_CAP_AMBIENT = 47
_PR_CAP_AMBIENT_RAISE = 2
_CAP_DAC_READ_SEARCH = 2
_CAPABILITY_VERSION_3 = 0x20080522
_CANNOT_RUN = 126
"""Exit status of a shell whose program can't be run; the reason is on stderr."""


class _CapabilityHeader(ctypes.Structure):
    _fields_ = (("version", ctypes.c_uint32), ("pid", ctypes.c_int))


class _CapabilitySets(ctypes.Structure):
    """One 32-bit half of the three capability sets, as capset(2) takes it."""

    _fields_ = (("effective", ctypes.c_uint32), ("permitted", ctypes.c_uint32), ("inheritable", ctypes.c_uint32))


def _prctl(option: int, argument: int, third: int = 0) -> None:
    libc = ctypes.CDLL(None, use_errno=True)
    ulong = ctypes.c_ulong
    if libc.prctl(option, ulong(argument), ulong(third), ulong(0), ulong(0)) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"prctl({option}, {argument}): {os.strerror(code)}")


def _keep_only_search_capability() -> None:
    """Keep the one right to walk through folders and read, across exec, and no other right of root's."""
    libc = ctypes.CDLL(None, use_errno=True)
    header = _CapabilityHeader(_CAPABILITY_VERSION_3, 0)
    sets = (_CapabilitySets * 2)()
    only = 1 << _CAP_DAC_READ_SEARCH
    sets[0] = _CapabilitySets(only, only, only)
    if libc.capset(ctypes.byref(header), sets) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"capset: {os.strerror(code)}")
    _prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_RAISE, _CAP_DAC_READ_SEARCH)


def _become(account: str, *, see_all: bool) -> None:
    uid, gid = (int(part) for part in account.split(":"))
    os.setgroups([])
    os.setgid(gid)
    if see_all:
        # Keeps capabilities across setuid, and lets access(2), by which PostgreSQL looks at itself, count them.
        _prctl(_PR_SET_SECUREBITS, _SECBIT_NO_SETUID_FIXUP)
    os.setuid(uid)
    if see_all:
        _keep_only_search_capability()


def main() -> None:
    """Change account if asked, tie this process to its parent, and become the program."""
    parser = argparse.ArgumentParser(prog="launch.py")
    parser.add_argument("--parent", type=int, required=True)
    parser.add_argument("--signal", type=int, required=True)
    parser.add_argument("--account", metavar="UID:GID")
    parser.add_argument("--see-all", action="store_true")
    parser.add_argument("program", nargs="+")
    args = parser.parse_args()
    try:
        if args.account:
            _become(args.account, see_all=args.see_all)
        if sys.platform == "linux":
            _prctl(_PR_SET_PDEATHSIG, args.signal)
        if os.getppid() != args.parent:
            sys.exit(0)
        os.execv(args.program[0], args.program)  # noqa: S606 - becoming that program is the point
    except OSError as error:
        print(f"can't run {args.program[0]}: {error}", file=sys.stderr)
        sys.exit(_CANNOT_RUN)


if __name__ == "__main__":
    main()
