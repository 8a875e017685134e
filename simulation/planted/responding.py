"""Bugs in what is done: sending, seats, fees, connecting.

Each is one mistake, put in while its context lasts.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final
from unittest.mock import patch

from simulation.planted.both import both
from watchtower.guard.under_way import UnderWay
from watchtower.ledger.answers import read_submission
from watchtower.ledger.asking import ask_all
from watchtower.ledger.backoff import Backoff
from watchtower.ledger.servers import Servers
from watchtower.response.attempt import Attempt
from watchtower.response.bidding import Bidder, Refusal, Wish
from watchtower.response.engine_result import Reaction
from watchtower.response.fees import FeePolicy
from watchtower.response.launch import Launch
from watchtower.response.submit import Submitter
from watchtower.units import Drops, LedgerIndex

__all__ = ["BUGS"]


def sent_once() -> AbstractContextManager[Any]:
    """What did not get through is not sent again."""

    def never(_self: Launch, _now: LedgerIndex) -> None:
        return

    return patch.object(Launch, "send_again", never)


def one_server_written_to() -> AbstractContextManager[Any]:
    """Submissions go to the best server alone."""

    async def submit(self: Servers, blob: str) -> Any:
        await self._be_patient()
        answers = await ask_all(self.ready()[:1], lambda link: link.request("submit", tx_blob=blob))
        return [read_submission(link.url, answer) for link, answer in answers]

    return patch.object(Servers, "submit", submit)


def seats_lost_unseen() -> AbstractContextManager[Any]:
    """That a seat was taken is noticed neither in the ledger nor by what servers answer."""
    reaction_to = Submitter._reaction_to

    def nobody(_self: UnderWay, _used: Any, _now: Any) -> tuple[()]:
        return ()

    def deaf(self: Submitter, attempt: Attempt, engine_result: str) -> Reaction:
        reaction = reaction_to(self, attempt, engine_result)
        return Reaction.QUEUED if reaction is Reaction.SETTLED else reaction

    return both(
        patch.object(UnderWay, "settle_by_seat", nobody),
        patch.object(Submitter, "_reaction_to", deaf),
    )


def fee_never_raised() -> AbstractContextManager[Any]:
    """Every attempt pays the base fee."""

    def base(self: Bidder, _wish: Wish) -> Drops:
        return self._market.base

    def dear(_self: Bidder, _wish: Wish, _fee: Drops, **_: Any) -> Refusal:
        return Refusal.DEAR

    return both(patch.object(Bidder, "bid", base), patch.object(Bidder, "raise_bid", dear))


def reconnected_late() -> AbstractContextManager[Any]:
    """A connection that broke is made again after ten minutes."""

    def long(_self: Backoff, **_: Any) -> float:
        return 600.0

    return patch.object(Backoff, "next_wait", long)


def budget_overdrawn() -> AbstractContextManager[Any]:
    """An attempt may cost twice what it wins."""

    def budget(self: FeePolicy, at_stake: Drops) -> Drops:
        return Drops(min(self.cap, 2 * at_stake))

    return both(
        patch.object(FeePolicy, "budget", budget),
        patch.object(FeePolicy, "ramp", lambda _self, budget, _left: budget),
    )


BUGS: Final = (
    sent_once,
    one_server_written_to,
    seats_lost_unseen,
    fee_never_raised,
    reconnected_late,
    budget_overdrawn,
)
"""Every one of them."""
