"""The way of signed transactions to the servers: to all of them, and again every ledger.

Nothing here decides whether an attempt succeeded. The answers only say whether the next attempt
should pay more, and whether a person should look. A server that fails, lies or hangs costs
nothing but its own answer; sending runs beside the tower and never holds it up.
"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from typing import Final, Protocol

import structlog

from watchtower.response.attempt import Attempt
from watchtower.response.engine_result import (
    Reaction,
    is_final_refusal,
    is_of_signer,
    reaction_to,
)
from watchtower.units import Drops, LedgerIndex, TxHash

__all__ = ["Answer", "Submitter", "SubmittingServers"]

_NO_REPLACEMENT: Final = "telCAN_NOT_QUEUE_FEE"
_MISSES_ONE_BEFORE: Final = "terPRE_SEQ"

_log = structlog.get_logger(__name__)


class Answer(Protocol):
    """One server's word about one submission."""

    @property
    def server(self) -> str:
        """Whose word it is."""
        ...

    @property
    def engine_result(self) -> str | None:
        """The engine result, or None when the server did not give one."""
        ...

    @property
    def open_ledger_cost(self) -> Drops | None:
        """The drops with which it would enter this server's open ledger now, if it told them."""
        ...

    @property
    def message(self) -> str:
        """The server's sentence, or why there is no result."""
        ...


class SubmittingServers(Protocol):
    """Whoever can send a blob to every server."""

    async def submit(self, blob: str) -> Sequence[Answer]:
        """Send ``blob`` to all servers at once; one answer each, never raising for one."""
        ...

    def misjudged(self, server: str) -> None:
        """Take note that ``server`` refused for good what the ledger then took."""
        ...


class Submitter:
    """Sends attempts in the background and remembers the last word about each.

    Attributes:
        underpriced: attempts that every server that answered refused for their fee.
        queued: attempts that wait in the queue of every server that has them.
        held_up: attempts of which every server that answered misses a sequence before theirs.
        unseated: attempts of which every server that answered says that their seat is used, and
            the ledger in which they first said so.
        unfit: attempts of which every server that answered says that who signed may not, or that
            who pays cannot.
        asked: the drops with which an attempt would enter the open ledger of the cheapest server.
        alarming: the results that a person should see, by attempt.
    """

    def __init__(self, servers: SubmittingServers) -> None:
        """Send to ``servers``; nothing leaves before `run`."""
        self._servers = servers
        self._waiting: asyncio.Queue[tuple[Attempt, LedgerIndex]] = asyncio.Queue()
        self._under_way: set[TxHash] = set()
        self._drained = asyncio.Event()
        self._drained.set()
        self.underpriced: set[TxHash] = set()
        self.queued: set[TxHash] = set()
        self.held_up: set[TxHash] = set()
        self.unfit: set[TxHash] = set()
        self.unseated: dict[TxHash, LedgerIndex] = {}
        self.asked: dict[TxHash, Drops] = {}
        self.alarming: dict[TxHash, str] = {}
        self._refused_by: dict[TxHash, set[str]] = {}

    async def run(self) -> None:
        """Send what is to be sent, each beside the others, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            while True:
                attempt, now = await self._waiting.get()
                name = f"submit {attempt.transaction[:8]}"
                tasks.create_task(self._send(attempt, now), name=name)

    def send(self, attempt: Attempt, now: LedgerIndex) -> None:
        """Have ``attempt`` sent to all servers in ledger ``now``, unless that is under way."""
        if attempt.transaction not in self._under_way:
            self._under_way.add(attempt.transaction)
            self._drained.clear()
            self._waiting.put_nowait((attempt, now))

    async def drained(self) -> None:
        """Wait until everything that was to be sent was answered, or could not be."""
        await self._drained.wait()

    def keep_only(self, attempts: Collection[TxHash]) -> None:
        """Forget what was heard of every attempt but ``attempts``."""
        for words in (self.underpriced, self.queued, self.held_up, self.unfit):
            words.intersection_update(attempts)
        for told in (self.alarming, self.asked, self.unseated, self._refused_by):
            for settled in told.keys() - set(attempts):
                del told[settled]

    def applied(self, transaction: TxHash) -> None:
        """Take note that a validated ledger has an attempt: who said that none could was wrong."""
        for server in sorted(self._refused_by.pop(transaction, ())):
            self._servers.misjudged(server)

    async def _send(self, attempt: Attempt, now: LedgerIndex) -> None:
        try:
            answers = await self._servers.submit(attempt.blob)
        finally:
            self._under_way.discard(attempt.transaction)
            if not self._under_way:
                self._drained.set()
        self._weigh(attempt, now, answers)

    def _reaction_to(self, attempt: Attempt, engine_result: str) -> Reaction:
        """Return what a result asks of us; sent again, what is queued is refused by itself.

        The queue takes it for a replacement on its own seat, without more to pay (TxQ.cpp:907).
        """
        if engine_result == _NO_REPLACEMENT and attempt.transaction in self.queued:
            return Reaction.QUEUED
        return reaction_to(engine_result)

    def _weigh(self, attempt: Attempt, now: LedgerIndex, answers: Sequence[Answer]) -> None:
        reactions = {}
        for answer in answers:
            _log.info(
                "submission_answered",
                channel=attempt.channel,
                transaction=attempt.transaction,
                server=answer.server,
                engine_result=answer.engine_result,
                message=answer.message,
            )
            if answer.engine_result is None:
                continue
            reactions[answer.engine_result] = self._reaction_to(attempt, answer.engine_result)
            if is_final_refusal(answer.engine_result):
                self._refused_by.setdefault(attempt.transaction, set()).add(answer.server)
        told = set(reactions.values())
        for words, reaction in (
            (self.underpriced, Reaction.REPLAN),
            (self.queued, Reaction.QUEUED),
        ):
            (words.add if told == {reaction} else words.discard)(attempt.transaction)
        is_held_up = set(reactions) == {_MISSES_ONE_BEFORE}
        (self.held_up.add if is_held_up else self.held_up.discard)(attempt.transaction)
        is_unfit = bool(reactions) and all(map(is_of_signer, reactions))
        (self.unfit.add if is_unfit else self.unfit.discard)(attempt.transaction)
        if told == {Reaction.SETTLED}:
            self.unseated.setdefault(attempt.transaction, now)
        else:
            self.unseated.pop(attempt.transaction, None)
        costs = [answer.open_ledger_cost for answer in answers if answer.open_ledger_cost]
        if costs:
            # The cheapest will do: one server that takes it is enough, and one that asks for
            # too much, be it mad or bought, must not cost us anything.
            self.asked[attempt.transaction] = min(costs)
        alarming = [code for code, r in reactions.items() if r is Reaction.ALARM]
        if alarming:
            self.alarming[attempt.transaction] = ", ".join(sorted(alarming))
        else:
            self.alarming.pop(attempt.transaction, None)
