"""Bugs in what is judged: when a channel is over, and what has paid.

Each is one mistake, put in while its context lasts.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Final
from unittest.mock import patch

from simulation.planted.both import both
from watchtower.guard import incoming as incoming_module
from watchtower.judgement import deadline as deadline_module
from watchtower.judgement.deadline import Deadline
from watchtower.ledger.events import ChannelEntry
from watchtower.response import confirm
from watchtower.response.attempt import Attempt, OutcomeKind
from watchtower.units import RippleTime

__all__ = ["BUGS"]


def given_up_at_the_margin() -> AbstractContextManager[Any]:
    """A channel is taken to be over when redeeming is not sure any more."""

    def has_ended(self: Deadline, ledger_time: RippleTime, _rules: Any = None) -> bool:
        return ledger_time >= self.sure_until

    return both(
        patch.object(Deadline, "has_ended", has_ended),
        patch.object(incoming_module, "is_owed", lambda judgement: judgement.redeem),
    )


def cancel_after_ignored() -> AbstractContextManager[Any]:
    """Only an Expiration ends a channel."""

    def expiration(entry: ChannelEntry) -> RippleTime | None:
        return entry.expiration

    return patch.object(deadline_module, "ends_at", expiration)


def paid_when_closed() -> AbstractContextManager[Any]:
    """An attempt whose channel closed has paid."""
    done_by = confirm._done_by

    def generous(attempt: Attempt, fact: Any) -> Any:
        kind, why = done_by(attempt, fact)
        is_closed = kind is OutcomeKind.CLOSED_UNPAID
        return (OutcomeKind.PAID, why) if is_closed else (kind, why)

    return patch.object(confirm, "_done_by", generous)


BUGS: Final = (
    given_up_at_the_margin,
    cancel_after_ignored,
    paid_when_closed,
)
"""Every one of them."""
