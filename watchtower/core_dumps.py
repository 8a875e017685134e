"""No memory of ours is ever written to a disk because the process died.

A core file would hold the master key, and with it everything. Its size is limited to nothing, and
on Linux the process is no longer *dumpable* (prctl(2), ``PR_SET_DUMPABLE``): the kernel then hands
no core to a program either, which the limit does not keep it from (core(5), "Piping core dumps"),
and no other process of the same user reads its memory (ptrace(2)). Children inherit the limit.
"""

from __future__ import annotations

import resource
import sys
from contextlib import suppress
from typing import Final

__all__ = ["disable_core_dumps"]

_PR_SET_DUMPABLE: Final = 4  # linux/prctl.h


def disable_core_dumps() -> None:
    """Have this process leave no core, whatever kills it.

    A system that refuses (a filter of system calls, say) has usually seen to it already: the
    supplied units do. So nothing is made of that.
    """
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        import ctypes  # noqa: PLC0415 - elsewhere there is nothing to call

        with suppress(OSError, AttributeError):
            ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
