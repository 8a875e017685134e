"""Signatures verified beside the event loop, on as many threads as there are cores.

libsecp256k1 and libsodium are called without the interpreter's lock, so that threads are enough:
nothing has to be copied to other processes and back.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final

from watchtower.claims.decide import Check
from watchtower.judgement.claim import Claim, Refused, Verified, verify

__all__ = ["Verifier", "known_beforehand"]

_AT_ONCE: Final = 64
"""Claims that one thread verifies in one go, some two milliseconds."""

_Found = Mapping[Claim, Verified | Refused]


class Verifier:
    """Verifies claims for whoever waits for it."""

    def __init__(self, threads: int | None = None) -> None:
        """Begin with as many threads as there are cores, unless told otherwise."""
        self._pool = ThreadPoolExecutor(
            threads or len(os.sched_getaffinity(0)), thread_name_prefix="verify"
        )

    async def verify(self, claims: Iterable[Claim]) -> _Found:
        """Return what each claim is worth under the key that it names."""
        asked = list(dict.fromkeys(claims))
        parts = [asked[first : first + _AT_ONCE] for first in range(0, len(asked), _AT_ONCE)]
        loop = asyncio.get_running_loop()
        done = await asyncio.gather(
            *(loop.run_in_executor(self._pool, _verify_all, part) for part in parts)
        )
        return dict(zip(asked, (checked for part in done for checked in part), strict=True))

    def close(self) -> None:
        """Let the threads end; what they are at is finished first."""
        self._pool.shutdown()


def known_beforehand(found: _Found) -> Check:
    """Return a check that knows ``found``, and looks itself at what is not among it."""

    def check(claim: Claim) -> Verified | Refused:
        known = found.get(claim)
        return verify(claim) if known is None else known

    return check


def _verify_all(claims: Sequence[Claim]) -> list[Verified | Refused]:
    return [verify(claim) for claim in claims]
