"""Attempts: written before the first byte of them leaves, settled when the ledger has proven how.

The row of an attempt is its account, seat and transaction: one seat may be tried again after an
earlier transaction lapsed, and two transactions on one seat exclude each other.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import replace
from heapq import heappush, heappushpop
from operator import itemgetter

from watchtower.ledger.events import Seat
from watchtower.response.attempt import Attempt, Outcome, OutcomeKind
from watchtower.store.sealed import Record, SealedTable, look
from watchtower.store.tables import OPEN_ATTEMPTS, SETTLED_ATTEMPTS
from watchtower.store.transaction import Transaction
from watchtower.units import Address, ChannelId, TxHash

__all__ = ["Attempts", "attempt_name", "attempt_topic"]


class Attempts:
    """The attempts, in one transaction."""

    def __init__(self, transaction: Transaction) -> None:
        """Look at the attempts through ``transaction``."""
        self._open = SealedTable(transaction, OPEN_ATTEMPTS, Attempt)
        self._settled = SealedTable(transaction, SETTLED_ATTEMPTS, Attempt)

    async def put(self, attempt: Attempt) -> bool:
        """Remember a new attempt; False, and nothing changes, if it is known already."""
        return await self.put_all([attempt]) > 0

    async def put_all(self, attempts: Iterable[Attempt]) -> int:
        """Remember attempts, those that are known already left out; return how many are new."""
        named = {attempt_name(a.account, a.seat, a.transaction): a for a in attempts}
        known = await self._known(named)
        new = {name: attempt for name, attempt in named.items() if name not in known}
        for table, is_open in ((self._open, True), (self._settled, False)):
            await table.add_all(
                {
                    n: Record(a, attempt_topic(a))
                    for n, a in new.items()
                    if (a.outcome is None) is is_open
                }
            )
        return len(new)

    async def knows(self, account: Address, seat: Seat, transaction: TxHash) -> bool:
        """Say whether a transaction is an attempt of ours, whatever became of it."""
        return bool(await self.known([(account, seat, transaction)]))

    async def known(self, transactions: Iterable[tuple[Address, Seat, TxHash]]) -> set[TxHash]:
        """Return those of ``transactions`` that are attempts of ours."""
        names = {attempt_name(*each): each[2] for each in transactions}
        return {names[name] for name in await self._known(names)}

    async def _known(self, names: Collection[str]) -> set[str]:
        await look([self._open, self._settled], names)
        return {*await self._open.find(names), *await self._settled.find(names)}

    async def settle(
        self, account: Address, seat: Seat, transaction: TxHash, outcome: Outcome
    ) -> bool:
        """Give an attempt its outcome, and say whether that was news.

        A proven outcome stays as it is; an unknown one may still be replaced by proof. An attempt
        that is not there changes nothing.
        """
        return await self._settle({attempt_name(account, seat, transaction): outcome}) > 0

    async def settle_all(self, attempts: Iterable[Attempt]) -> int:
        """Give attempts the outcomes that they have here, as `settle` does; return to how many."""
        return await self._settle(
            {
                attempt_name(a.account, a.seat, a.transaction): a.outcome
                for a in attempts
                if a.outcome is not None
            }
        )

    async def _settle(self, outcomes: Mapping[str, Outcome]) -> int:
        await look([self._open, self._settled], outcomes)
        settled = {
            name: attempt
            for name, attempt in (await self._settled.find(outcomes)).items()
            if _is_unknown(attempt) and outcomes[name].kind is not OutcomeKind.UNKNOWN
        }
        ended = settled | await self._open.find(outcomes)
        await self._open.remove_all(ended)
        await self._settled.put_all(
            {
                name: Record(replace(attempt, outcome=outcomes[name]), attempt_topic(attempt))
                for name, attempt in ended.items()
            }
        )
        return len(ended)

    async def unsettled(self) -> list[Attempt]:
        """Return the attempts without an outcome, oldest first."""
        return sorted(await self._open.all(), key=_age)

    async def for_channel(self, channel: ChannelId) -> list[Attempt]:
        """Return every attempt for one channel, oldest first."""
        found = [*await self._open.about(channel), *await self._settled.about(channel)]
        return sorted((attempt for _, attempt in found), key=_age)

    async def newest_for_channel(self, channel: ChannelId, limit: int) -> tuple[list[Attempt], int]:
        """Return the newest attempts for one channel, newest first, and how many there are in all.

        All of them are looked at, in slices, and no more than ``limit`` are kept in memory.
        """
        newest: list[tuple[tuple[int, int, str], Attempt]] = []
        count = 0

        def visit(attempt: Attempt) -> None:
            nonlocal count
            count += 1
            # No two are alike in age, for their transactions are not: attempts are never compared.
            each = (_age(attempt), attempt)
            if len(newest) < limit:
                heappush(newest, each)
            else:
                heappushpop(newest, each)

        await self._open.walk_about(channel, visit)
        await self._settled.walk_about(channel, visit)
        return [attempt for _, attempt in sorted(newest, key=itemgetter(0), reverse=True)], count

    async def load_all(self) -> list[Attempt]:
        """Return every attempt, oldest first."""
        return sorted([*await self._open.all(), *await self._settled.all()], key=_age)


def attempt_name(account: Address, seat: Seat, transaction: TxHash) -> str:
    """Return what an attempt is found by."""
    return f"{account} {'ticket' if seat.is_ticket else 'sequence'} {seat.number} {transaction}"


def attempt_topic(attempt: Attempt) -> str:
    """Return what the attempt is about: its channel, or its account where there is none."""
    return attempt.channel or attempt.account


def _is_unknown(attempt: Attempt) -> bool:
    return attempt.outcome is not None and attempt.outcome.kind is OutcomeKind.UNKNOWN


def _age(attempt: Attempt) -> tuple[int, int, str]:
    return attempt.made_in, attempt.seat.number, attempt.transaction
