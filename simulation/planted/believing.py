"""Bugs in what is believed: results, ledgers, states, and that nothing was missed.

Each is one mistake, put in while its context lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final
from unittest.mock import patch

from msgspec.structs import replace

from simulation.planted.both import both
from watchtower.guard import watch as watch_module
from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel, observe
from watchtower.ledger import catchup as catchup_module
from watchtower.ledger import servers as servers_module
from watchtower.ledger.asking import ask_any
from watchtower.ledger.catchup import CatchUp
from watchtower.ledger.channels import find_channels, read_channel
from watchtower.ledger.crosscheck import lists_compared
from watchtower.ledger.events import ChannelChanged, ChannelFact, LedgerClosed
from watchtower.ledger.quorum import Quorum
from watchtower.response.attempt import Attempt
from watchtower.response.launch import Launch
from watchtower.response.submit import Answer, Submitter
from watchtower.tower.tending import Rounds
from watchtower.units import LedgerIndex, TxHash

__all__ = ["BUGS"]


def success_trusted() -> AbstractContextManager[Any]:
    """What a server calls tesSUCCESS is paid."""
    trusted: set[TxHash] = set()
    weigh, obligations = Submitter._weigh, Watch.obligations

    def trusting(
        self: Submitter, attempt: Attempt, now: LedgerIndex, answers: Sequence[Answer]
    ) -> None:
        if any(answer.engine_result == "tesSUCCESS" for answer in answers):
            trusted.add(attempt.transaction)
        weigh(self, attempt, now, answers)

    paid: dict[str, int] = {}

    def owed(self: Watch) -> Any:
        for attempt in self.attempts.values():
            if attempt.transaction in trusted and attempt.channel is not None:
                paid[attempt.channel] = attempt.target
        return tuple(
            duty
            for duty in obligations(self)
            if paid.get(duty.channel, 0) < getattr(duty, "target", 2**63)
        )

    def send_again(self: Launch, now: LedgerIndex) -> None:
        for attempt in self._docket.attempts.values():
            if attempt.transaction not in trusted:
                self._send(attempt, now)

    return both(
        patch.object(Submitter, "_weigh", trusting),
        patch.object(Watch, "obligations", owed),
        patch.object(Launch, "send_again", send_again),
    )


def fund_ignored() -> AbstractContextManager[Any]:
    """That funds were added, and what else a Fund did, is not looked at."""

    def blind(channel: Channel | None, fact: ChannelFact) -> Any:
        known = None if channel is None else channel.entry
        if known is not None and isinstance(fact, ChannelChanged):
            entry = fact.entry
            if entry.amount > known.amount:
                same = replace(entry, amount=known.amount, expiration=known.expiration)
                fact = replace(fact, entry=same)
        return observe(channel, fact)

    return patch.object(watch_module, "observe", blind)


def any_ledger_believed() -> AbstractContextManager[Any]:
    """One server is enough to say what time it is, and which ledgers there are."""
    announced = Quorum.announced

    def believe(self: Quorum, server: str, closed: LedgerClosed) -> LedgerClosed | None:
        announced(self, server, closed)
        if self._counted is None or closed.ledger_index > self._counted.ledger_index:
            self._counted = closed
            self._borne_out = closed.ledger_index
            return closed
        return None

    return patch.object(Quorum, "announced", believe)


def first_word_believed() -> AbstractContextManager[Any]:
    """The state of a channel is what the first server says."""

    async def first(links: Sequence[Any], channel: Any, *, vouched: bool) -> Any:
        del vouched
        return await ask_any(links, lambda link: read_channel(link, channel))

    async def listed(links: Sequence[Any], account: Any) -> Any:
        return lists_compared([await ask_any(links, lambda link: find_channels(link, account))])

    return both(
        patch.object(servers_module, "channel_by_two", first),
        patch.object(servers_module, "channels_by_two", listed),
    )


def not_read_anew() -> AbstractContextManager[Any]:
    """What was missed is not looked for in the channels' present state."""

    def nobody(*_: Any) -> Any:
        async def nothing() -> tuple[()]:
            return ()

        return nothing

    return both(
        patch.object(CatchUp, "_reading", nobody), patch.object(CatchUp, "_finding", nobody)
    )


def gaps_ignored() -> AbstractContextManager[Any]:
    """Ledgers that were missed are taken to have been empty, and are not read."""

    async def nothing(*_: Any) -> list[Any]:
        return []

    return patch.object(catchup_module, "read_facts", nothing)


def others_claims_unseen() -> AbstractContextManager[Any]:
    """Claims that another process keeps are seen with the next start only."""

    async def look_away(_self: Rounds) -> None:
        return

    return patch.object(Rounds, "take_claims", look_away)


BUGS: Final = (
    success_trusted,
    fund_ignored,
    any_ledger_believed,
    first_word_believed,
    not_read_anew,
    gaps_ignored,
    others_claims_unseen,
)
"""Every one of them."""
