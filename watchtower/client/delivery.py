"""What waits in the queue goes to the tower, in the background, as soon as that answers.

What it guarantees: a claim leaves the queue only behind the tower's answer; of several processes
with one queue one delivers at a time, and another one takes over if it dies; a tower that comes
back is not run over: waits grow, carry luck, and are never shorter than it asks for.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import Final

from watchtower.client.answers import Answer
from watchtower.client.claim import Claim
from watchtower.client.queue import Queue
from watchtower.errors import ClientError, TowerRefusedError, TowerUnreachableError
from watchtower.ledger.backoff import Backoff

__all__ = ["Delivery"]

_log = logging.getLogger(__name__)

_AT_ONCE: Final = 500
_LOOK_EVERY: Final = 2.0
"""Seconds between looks for what other processes put into the queue."""

_FIRST_WAIT: Final = 0.1
_MOST_WAIT: Final = 15.0

_NOT_DECIDED: Final = frozenset({"key_unknown", "pending_full"})
"""Why a claim was not kept that may be in a moment: no server has told of its channel yet."""

_UNKNOWN: Final = "unknown_channel"
_MAY_YET_APPEAR: Final = 1_200.0
"""Seconds, some three hundred ledgers, for which a channel that no ledger has may be too new: the
servers that were asked may be behind, and the claim is not to be lost by that."""

_OF_THE_CLAIM: Final = frozenset({400, 413, 415, 422})
"""Refusals that may be due to one claim among others."""


class Delivery:
    """The deliverer of one queue.

    Args:
        queue: what is to be delivered.
        deliver: hands claims over once, and returns the tower's answers.
        told: is called with each claim that was delivered, and its answer.
        luck: numbers in [0, 1).
    """

    def __init__(
        self,
        queue: Queue,
        deliver: Callable[[Sequence[Claim]], Awaitable[Sequence[Answer]]],
        *,
        told: Callable[[Claim, Answer], None],
        luck: Callable[[], float],
    ) -> None:
        self._queue = queue
        self._deliver = deliver
        self._told = told
        self._waits = Backoff(first=_FIRST_WAIT, most=_MOST_WAIT, luck=luck)
        self._wake = asyncio.Event()
        self._set_aside: set[Claim] = set()
        self._unknown_since: dict[Claim, float] = {}

    def wake(self) -> None:
        """Say that something was put into the queue."""
        self._wake.set()

    async def run(self) -> None:
        """Deliver until cancelled."""
        while True:
            self._wake.clear()
            try:
                await self._everything()
            except ClientError as trouble:
                least = trouble.facts.get("retry_after", 0.0)
                wait = self._waits.next_wait(least=least if isinstance(least, float) else 0.0)
                if not isinstance(trouble, TowerUnreachableError):
                    _log.warning("claims_not_delivered", extra={"why": str(trouble)})
                await asyncio.sleep(wait)
                continue
            self._waits.reset()
            with suppress(TimeoutError):
                async with asyncio.timeout(_LOOK_EVERY):
                    await self._wake.wait()

    async def _everything(self) -> None:
        """Deliver all that waits, if nobody else does."""
        if not await asyncio.to_thread(self._queue.is_ours):
            return
        last: Claim | None = None
        while claims := await asyncio.to_thread(self._queue.waiting, _AT_ONCE, behind=last):
            last = claims[-1]
            await self._hand_over([one for one in claims if one not in self._set_aside])

    async def _hand_over(self, claims: Sequence[Claim]) -> None:
        if not claims:
            return
        try:
            answers = await self._deliver(claims)
        except TowerRefusedError as refusal:
            if refusal.facts.get("status") not in _OF_THE_CLAIM:
                raise
            await self._one_by_one(claims, refusal)
            return
        answered = [
            (claim, answer)
            for claim, answer in zip(claims, answers, strict=True)
            if self._is_decided(claim, answer)
        ]
        await asyncio.to_thread(self._queue.answered, [claim for claim, _ in answered])
        for claim, answer in answered:
            self._tell(claim, answer)

    def _is_decided(self, claim: Claim, answer: Answer) -> bool:
        why = answer.why_not_kept
        if why != _UNKNOWN:
            self._unknown_since.pop(claim, None)
            return why not in _NOT_DECIDED
        now = asyncio.get_running_loop().time()
        if now - self._unknown_since.setdefault(claim, now) < _MAY_YET_APPEAR:
            return False
        del self._unknown_since[claim]
        return True

    def _tell(self, claim: Claim, answer: Answer) -> None:
        try:
            self._told(claim, answer)
        except Exception as problem:  # noqa: BLE001 - a caller's mistake must not end deliveries
            _log.warning("delivery_not_told", extra={"why": repr(problem)})

    async def _one_by_one(self, claims: Sequence[Claim], refusal: TowerRefusedError) -> None:
        """Find the claim that the tower cannot read, and let it hold up no other one.

        It stays in the queue, for a newer tower may read it; the next start tries again.
        """
        if len(claims) == 1:
            self._set_aside.add(claims[0])
            _log.warning("claim_set_aside", extra={"why": str(refusal)})
            return
        half = len(claims) // 2
        for part in (claims[:half], claims[half:]):
            await self._hand_over(part)
