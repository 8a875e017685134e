"""What is at stake: what redeeming the best claim now would pay."""

from __future__ import annotations

from typing import Final

from watchtower.judgement.claim import Claim
from watchtower.ledger.events import ChannelEntry
from watchtower.units import Drops

__all__ = ["at_stake", "payable"]

_NOTHING: Final = Drops(0)


def payable(entry: ChannelEntry, best: Claim | None) -> Drops:
    """Return the balance that redeeming ``best`` can reach: the claim, or all the funds.

    A claim above the funds is no obstacle: the ledger holds only the transaction's Balance
    against them (rippled PaymentChannelClaim.cpp:153), and the signature covers Amount.
    """
    return Drops(0) if best is None else min(best.amount, entry.amount)


def at_stake(entry: ChannelEntry, best: Claim | None, waived: Drops = _NOTHING) -> Drops:
    """Return min(best claim, Amount) less what was paid and what the payee waived; never negative.

    Args:
        entry: the channel's last known state.
        best: the highest valid claim we hold.
        waived: drops that the payee gave back by its own signed word, and does not want redeemed.
    """
    return Drops(max(0, payable(entry, best) - entry.balance - waived))
