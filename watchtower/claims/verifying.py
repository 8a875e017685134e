"""Signatures verified beside the event loop: a few on a thread, many on every core.

libsecp256k1 and libsodium run without the interpreter's lock, but what stands around them does not,
and a thread that comes back from them takes the lock from the event loop a thousand times in a
batch. So claims that come by the dozen are verified in processes of their own; these are started
when they are first of use, so that whoever gets one claim a minute pays for none.
"""

from __future__ import annotations

import asyncio
import multiprocessing
import os
import signal
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import (
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    ThreadPoolExecutor,
)
from multiprocessing.connection import wait
from typing import Any, Final, TypeVar

import structlog
from msgspec.structs import replace

from watchtower.claims.decide import Check
from watchtower.errors import DoorClosedError
from watchtower.judgement.claim import Claim, Refused, SignatureFault, Verified, verify
from watchtower.units import ChannelId, Drops

__all__ = ["Verifier", "known_beforehand"]

_log = structlog.get_logger(__name__)

_MANY: Final = 32
"""Claims from which processes are worth what it takes to hand them over."""

_AT_ONCE: Final = 64
"""Claims that one core verifies in one go, some three milliseconds."""

_T = TypeVar("_T")

_Found = Mapping[Claim, Verified | Refused]

_Words = tuple[str, int, str, str]
"""A claim for another process: plain values, which cross over fastest."""

_Judged = tuple[str, str, bool] | str | None
"""What came of it: nothing if it is good as it is, else key and signature as the ledger takes them
and whether the signature was put right, or the fault."""


class Verifier:
    """Verifies claims for whoever waits for it."""

    def __init__(self, cores: int | None = None) -> None:
        """Begin with one thread, and as many processes as there are cores once they are of use."""
        self._cores = cores or len(os.sched_getaffinity(0))
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="verify")
        self._processes: ProcessPoolExecutor | None = None
        self._is_closed = False
        self._warm: Sequence[Future[None]] = ()

    async def verify(self, claims: Iterable[Claim]) -> _Found:
        """Return what each claim is worth under the key that it names."""
        asked = list(dict.fromkeys(claims))
        parts = [asked[first : first + _AT_ONCE] for first in range(0, len(asked), _AT_ONCE)]
        by_many = len(asked) >= _MANY and self._are_processes_up()
        done = await asyncio.gather(*(self._verify_part(part, by_many=by_many) for part in parts))
        return dict(zip(asked, (checked for part in done for checked in part), strict=True))

    @property
    def has_processes(self) -> bool:
        """Whether processes are at work."""
        return self._processes is not None and _are_up(self._warm)

    def close(self) -> None:
        """Let thread and processes end, without waiting for them; who waits for them is told."""
        self._is_closed = True
        for pool in (self._thread, self._processes):
            if pool is not None:
                pool.shutdown(wait=False, cancel_futures=True)

    async def _verify_part(
        self, claims: Sequence[Claim], *, by_many: bool
    ) -> list[Verified | Refused]:
        processes = self._processes
        if by_many and processes is not None:
            words = [(c.channel, int(c.amount), c.public_key, c.signature) for c in claims]
            try:
                judged = await self._run_in(processes, _verify_words, words)
            except BrokenExecutor as why:
                self._lose(processes, why)
            else:
                return [_as_told(*both) for both in zip(claims, judged, strict=True)]
        return await self._run_in(self._thread, _verify_all, claims)

    async def _run_in(self, pool: Executor, do: Callable[[Any], _T], what: object) -> _T:
        """Run something in a pool.

        Raises:
            DoorClosedError: the pools have been closed meanwhile.
            BrokenExecutor: somebody killed the pool's processes.
        """
        if self._is_closed:
            raise DoorClosedError
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, do, what)
        except asyncio.CancelledError:
            if self._is_closed:
                raise DoorClosedError from None
            raise

    def _are_processes_up(self) -> bool:
        """Start processes, if there are none, and say whether they are at work already."""
        if self._cores < 2:  # noqa: PLR2004 - one core is the event loop's
            return False
        if self._processes is None:
            self._processes = ProcessPoolExecutor(
                self._cores,
                # A fork would take the daemon's threads' locks along, held by nobody.
                mp_context=multiprocessing.get_context("spawn"),
                initializer=_live_with_the_daemon,
            )
            self._warm = [self._processes.submit(_nothing) for _ in range(self._cores)]
        for one in self._warm:
            if one.done() and (why := one.exception()) is not None:
                self._lose(self._processes, why)
                return False
        return _are_up(self._warm)

    def _lose(self, processes: ProcessPoolExecutor, why: BaseException) -> None:
        """Go on without processes that somebody killed; new ones are started for the next batch."""
        if self._processes is processes:
            _log.warning("verifying_processes_lost", why=str(why))
            processes.shutdown(wait=False)
            self._processes = None


def known_beforehand(found: _Found) -> Check:
    """Return a check that knows ``found``, and looks itself at what is not among it."""

    def check(claim: Claim) -> Verified | Refused:
        known = found.get(claim)
        return verify(claim) if known is None else known

    return check


def _are_up(warm: Iterable[Future[None]]) -> bool:
    return all(one.done() and one.exception() is None for one in warm)


def _verify_all(claims: Sequence[Claim]) -> list[Verified | Refused]:
    return [verify(claim) for claim in claims]


def _verify_words(claims: Sequence[_Words]) -> list[_Judged]:
    """Verify in another process."""
    judged: list[_Judged] = []
    for channel, amount, public_key, signature in claims:
        checked = verify(
            Claim(
                channel=ChannelId(channel),
                amount=Drops(amount),
                public_key=public_key,
                signature=signature,
            )
        )
        judged.append(_judged(checked, public_key, signature))
    return judged


def _judged(checked: Verified | Refused, public_key: str, signature: str) -> _Judged:
    if isinstance(checked, Refused):
        return checked.why.value
    good = checked.claim
    if (good.public_key, good.signature) == (public_key, signature):
        return None
    return good.public_key, good.signature, checked.rescued


def _as_told(claim: Claim, judged: _Judged) -> Verified | Refused:
    """Return what another process found, in our words."""
    if judged is None:
        return Verified(claim=claim, rescued=False)
    if isinstance(judged, str):
        return Refused(why=SignatureFault(judged))
    public_key, signature, rescued = judged
    good = replace(claim, public_key=public_key, signature=signature)
    return Verified(claim=good, rescued=rescued)


def _live_with_the_daemon() -> None:
    """Leave its signals to it, and do not outlive it, however it ends."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    daemon = multiprocessing.parent_process()
    if daemon is not None:
        threading.Thread(target=_end_with, args=(daemon.sentinel,), daemon=True).start()


def _end_with(sentinel: int) -> None:
    wait([sentinel])
    os._exit(0)


def _nothing() -> None:
    return None
