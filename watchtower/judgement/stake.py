"""What is at stake: what redeeming the best claim now would pay."""

from __future__ import annotations

from typing import Final

from watchtower.judgement.claim import Claim
from watchtower.ledger.events import ChannelEntry
from watchtower.units import Drops

__all__ = ["at_stake", "payable", "unpaid"]

_NOTHING: Final = Drops(0)


def payable(entry: ChannelEntry, best: Claim | None) -> Drops:
    """Return the balance that redeeming ``best`` can reach: the claim, or all the funds.

    A claim above the funds is no obstacle: the ledger holds only the transaction's Balance
    against them (rippled PaymentChannelClaim.cpp:153), and the signature covers Amount.
    """
    return _NOTHING if best is None else min(best.amount, entry.amount)


def unpaid(entry: ChannelEntry, claimed: Drops) -> Drops:
    """Return the drops that a claim for ``claimed`` would pay beyond the balance; never negative.

    0 drops stand for no claim.
    """
    return Drops(max(0, min(claimed, entry.amount) - entry.balance))


def at_stake(entry: ChannelEntry, best: Claim | None, waived: Drops = _NOTHING) -> Drops:
    """Return min(best claim, Amount) less what was paid and what the payee waived; never negative.

    Args:
        entry: the channel's last known state.
        best: the highest valid claim we hold.
        waived: drops that the payee gave back by its own signed word, and does not want redeemed.
    """
    claimed = _NOTHING if best is None else best.amount
    return Drops(max(0, unpaid(entry, claimed) - waived))
