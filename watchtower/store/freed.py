"""Memory that a library has given back, overwritten before anybody else is given it.

Python wipes nothing, and neither does OpenSSL where it hands parameters from one layer to the next
(``OSSL_PARAM_free``): a passphrase would stand in freed memory until that is used again, which in
a process that waits may be never. An allocator gives out last what was given back last, size by
size and thread by thread (glibc's ``tcache``), so whoever asks for some of each size at once gets
it, and can overwrite it.

A precaution and no promise: it does what it can where the C library is of that kind.
"""

from __future__ import annotations

import ctypes
from contextlib import suppress
from typing import Final

__all__ = ["overwrite_freed"]

_SIZES: Final = range(24, 1033, 16)
"""Bytes, one for each kind of chunk that a thread keeps for itself (malloc.c, tcache)."""

_EACH: Final = 8


def overwrite_freed() -> None:
    """Overwrite what this thread has given back last, of every small size."""
    with suppress(OSError, AttributeError):
        library = ctypes.CDLL(None)
        allocate, free = library.malloc, library.free
        allocate.restype, allocate.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
        free.restype, free.argtypes = None, [ctypes.c_void_p]
        blocks = [(allocate(size), size) for size in _SIZES for _ in range(_EACH)]
        for block, size in blocks:
            if block:
                ctypes.memset(block, 0, size)
        for block, _ in blocks:
            free(block)
