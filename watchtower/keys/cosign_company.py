"""Those who sign with us: whom of them to ask, asked at once, and heard also when they are late.

What it guarantees:

- Nobody is waited for who is not needed. A co-signer that is slow, or away, or answers what is no
  signature of what it was asked for, is put aside for a while and told of.
- Who is aside is asked all the same where the others are too few, and as soon as these have left
  something undone: whoever failed a moment ago may be the only one that does not refuse.
- A better claim that a co-signer hands over proves itself, and is handed on to whoever keeps
  claims; what it says beside that is believed of nobody.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from typing import Final

import structlog

from watchtower.errors import DoorClosedError, StoreError
from watchtower.judgement.claim import Claim
from watchtower.keys.cosign_paper import Paper
from watchtower.keys.cosign_surroundings import Care, Cosigner
from watchtower.keys.multisign import quorum_of
from watchtower.keys.told import Answered, Away, Faulty, Told
from watchtower.ledger.events import SignerList
from watchtower.units import Address, ChannelId

__all__ = ["Company"]

_log = structlog.get_logger(__name__)

_ASIDE: Final = 60.0
"""Seconds for which a co-signer that failed is asked only if the others do not get it done."""

_BRIEFLY: Final = 2.0
"""Seconds, half a ledger, that those aside have once all others have answered: what was signed in
the same question must not wait in every ledger for who is away. Who answers later is still heard,
and asked with the others from then on."""

_Waiting = dict[asyncio.Task[Told], tuple[Cosigner, Sequence[Paper]]]


class Company:
    """The other towers in signer lists, and how each of them does.

    ``keep`` keeps claims that they handed over; nothing is kept while it is None.
    """

    def __init__(self, cosigners: Iterable[Cosigner], *, care: Care, patience: float) -> None:
        """Take all of them for well.

        Args:
            cosigners: the other towers.
            care: who tells people how they do.
            patience: seconds that they have for an answer.
        """
        self.keep: Callable[[Sequence[Claim]], Awaitable[object]] | None = None
        self._cosigners = tuple(cosigners)
        self._care = care
        self._patience = patience
        self._aside: dict[Address, float] = {}
        self._asking: set[asyncio.Task[Told]] = set()

    @property
    def accounts(self) -> frozenset[Address]:
        """Who they are in signer lists."""
        return frozenset(one.account for one in self._cosigners)

    def well(self, signers: SignerList) -> set[Address]:
        """Return who is on a list, and has not failed a moment ago."""
        now = asyncio.get_running_loop().time()
        listed = {account for account, _ in signers.signers}
        return {one for one in self.accounts & listed if self._aside.get(one, 0.0) <= now}

    async def ask(
        self,
        papers: Sequence[Paper],
        note: Callable[[Sequence[Paper], Sequence[Address]], Awaitable[None]],
    ) -> None:
        """Ask at once, until all papers have enough signatures, or the time is over.

        Args:
            papers: what is to be signed; signatures are put to them as they come.
            note: writes down who is asked for what, before it is asked.

        Raises:
            StoreError: it could not be written down.
        """
        loop = asyncio.get_running_loop()
        ends = loop.time() + self._patience
        waiting: _Waiting = {}
        asked: set[Address] = set()
        undone = papers
        try:
            while undone:
                some = self._to_be_asked(undone, asked, waiting)
                if some or not asked:
                    if asked and not waiting:
                        ends = min(ends, loop.time() + _BRIEFLY)
                    await note(undone, sorted(one.account for one in some))
                    asked |= {one.account for one in some}
                    waiting |= self._begin(some, undone)
                if not waiting:
                    return
                left = max(0.0, ends - loop.time())
                came, _ = await asyncio.wait(
                    waiting, timeout=left, return_when=asyncio.FIRST_COMPLETED
                )
                if not came:
                    return
                for task in came:
                    _hear(*waiting.pop(task), task.result())
                undone = [paper for paper in papers if paper.done is None]
        except BaseException:
            for task in waiting:
                task.cancel()
            raise
        # Those that are late are still heard, for what is the matter with them should be told.

    async def close(self) -> None:
        """Stop listening for those that are late."""
        for late in self._asking:
            late.cancel()
        await asyncio.gather(*self._asking, return_exceptions=True)

    def _to_be_asked(
        self, papers: Sequence[Paper], asked: Collection[Address], waiting: _Waiting
    ) -> list[Cosigner]:
        """Return who is asked now: of those on the lists, and not asked yet, whoever is needed."""
        listed = {account for paper in papers for account, _ in paper.signers.signers}
        able = [one for one in self._cosigners if one.account in listed - set(asked)]
        coming = {one.account for one, _ in waiting.values()}
        if asked:
            return able if _would_help({one.account for one in able}, papers, coming) else []
        well = {one for paper in papers for one in self.well(paper.signers)}
        unfit = {
            one for paper in papers for some in paper.refused if len(some) == 1 for one in some
        }
        given = {one.account for paper in papers for one in paper.given}
        for preferred in (well - unfit, well):
            some = given | preferred
            if all(quorum_of(some, one.signers, one.refused) is not None for one in papers):
                return [one for one in able if one.account in preferred]
        return able

    def _begin(self, asked: Iterable[Cosigner], papers: Sequence[Paper]) -> _Waiting:
        waiting: _Waiting = {}
        for one in asked:
            task = asyncio.get_running_loop().create_task(self._ask(one, papers))
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            waiting[task] = one, papers
        return waiting

    async def _ask(self, one: Cosigner, papers: Sequence[Paper]) -> Told:
        """Ask one of them within the time, and take note of how it does."""
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(self._patience):
                told = await one.ask([paper.transaction for paper in papers])
        except TimeoutError:
            told = Away(f"nothing came within {self._patience:g} s")
        except Exception as wrong:  # noqa: BLE001 - one of them must not hold up the others
            _log.warning("cosigner_not_asked", cosigner=one.account, why=repr(wrong))
            told = Away(f"it could not be asked ({type(wrong).__name__})")
        account = one.account
        match told:
            case Away(why):
                self._aside[account] = loop.time() + _ASIDE
                self._care.away(account, why)
            case Faulty(why):
                self._aside[account] = loop.time() + _ASIDE
                self._care.faulty(account, why)
            case Answered(each, better):
                self._aside.pop(account, None)
                self._care.well(account)
                taken = await self._take_in(account, better)
                for paper, answer in zip(papers, each, strict=True):
                    if isinstance(answer, str) and paper.channel not in taken:
                        self._care.refused(account, paper.channel, answer)
        return told

    async def _take_in(self, account: Address, better: Sequence[Claim]) -> Collection[ChannelId]:
        """Have better claims kept, as any that are handed in; return of which channels they are."""
        if not better or self.keep is None:
            return ()
        try:
            await self.keep(better)
        except (StoreError, DoorClosedError) as failure:
            _log.warning("better_claims_not_kept", cosigner=account, why=str(failure))
            return ()
        channels = {claim.channel for claim in better}
        _log.info("better_claims_handed_over", cosigner=account, channels=sorted(channels))
        return channels


def _would_help(
    able: Collection[Address], papers: Iterable[Paper], coming: Collection[Address]
) -> bool:
    """Return whether a paper can be done with those ``able`` to sign, and not without them.

    ``coming`` are those who were asked, and have not answered yet.
    """
    for paper in papers:
        hoped = {*coming, *(one.account for one in paper.given)}
        if (
            quorum_of(hoped, paper.signers, paper.refused) is None
            and quorum_of(hoped | set(able), paper.signers) is not None
        ):
            return bool(able)
    return False


def _hear(one: Cosigner, papers: Sequence[Paper], told: Told) -> None:
    if not isinstance(told, Answered):
        for paper in papers:
            paper.refusals.pop(one.account, None)
        return
    for paper, answer in zip(papers, told.each, strict=True):
        paper.take(one.account, answer)
