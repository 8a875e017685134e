"""Runs a command behind the filter of system calls that a unit asks for, by the real kernel.

``python -m tests.interfaces.shut_in UNIT COMMAND …``. systemd makes its filters with libseccomp,
and so do we: from the unit's own ``SystemCallFilter=``, as `systemd-analyze` spells the groups out,
and ``MemoryDenyWriteExecute=``, as systemd.exec(5) describes it.
"""

from __future__ import annotations

import ctypes
import errno
import os
import subprocess
import sys
from pathlib import Path
from typing import Final

__all__ = ["allowed_by", "can_shut_in"]

_LIBRARY: Final = "libseccomp.so.2"
_ALLOW: Final = 0x7FFF0000
_REFUSE: Final = 0x00050000 | errno.EPERM
_MASKED_EQUAL: Final = 7
_WRITE, _EXECUTE = 2, 4


class _Comparison(ctypes.Structure):
    """``struct scmp_arg_cmp`` of seccomp.h: an argument, masked, is equal to a value."""

    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("mask", ctypes.c_uint64),
        ("value", ctypes.c_uint64),
    )


def can_shut_in() -> bool:
    """Return whether this host has what systemd makes filters with."""
    try:
        ctypes.CDLL(_LIBRARY)
    except OSError:
        return False
    return True


def _calls(word: str) -> set[str]:
    """Return the system calls that a word of a filter stands for."""
    if not word.startswith("@"):
        return {word}
    told = subprocess.run(
        ("systemd-analyze", "--no-pager", "syscall-filter", word),
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    found: set[str] = set()
    for line in told.splitlines()[1:]:
        if (inner := line.strip()) and not inner.startswith("#"):
            found |= _calls(inner)
    return found


def allowed_by(unit: Path) -> set[str]:
    """Return the system calls that a unit's filter lets through (systemd.exec(5))."""
    allowed: set[str] = set()
    for line in unit.read_text(encoding="utf-8").splitlines():
        name, _, value = line.partition("=")
        if name != "SystemCallFilter":
            continue
        words = value.lstrip("~").split()
        calls = set().union(*(_calls(word) for word in words))
        allowed = allowed - calls if value.startswith("~") else allowed | calls
    return allowed


def _shut_in(allowed: set[str]) -> None:
    library = ctypes.CDLL(_LIBRARY)
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_rule_add_array.argtypes = (
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.c_void_p,
    )
    library.seccomp_load.argtypes = (ctypes.c_void_p,)
    context = library.seccomp_init(_REFUSE)

    def allow(number: int, *, flags: int = 0, value: int = 0) -> None:
        if flags:
            only = _Comparison(2, _MASKED_EQUAL, flags, value)
            failed = library.seccomp_rule_add_array(context, _ALLOW, number, 1, ctypes.byref(only))
        else:
            failed = library.seccomp_rule_add_array(context, _ALLOW, number, 0, None)
        if failed:
            raise OSError(-failed, "a rule of the filter was refused")

    for call in sorted(allowed):
        number = library.seccomp_syscall_resolve_name(call.encode())
        if number < 0:
            continue  # a call of another kind of machine
        if call == "mmap":
            for value in (0, _WRITE, _EXECUTE):  # and not both
                allow(number, flags=_WRITE | _EXECUTE, value=value)
        elif call in {"mprotect", "pkey_mprotect"}:
            allow(number, flags=_EXECUTE)  # nothing is made executable afterwards
        else:
            allow(number)
    if failed := library.seccomp_load(context):
        raise OSError(-failed, "the filter was refused")


if __name__ == "__main__":
    _shut_in(allowed_by(Path(sys.argv[1])))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - that is the whole purpose
