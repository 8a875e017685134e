"""What is to be redeemed is made anew when something of it changed, and only then."""

from __future__ import annotations

from tests.response.attempts import owed
from watchtower.guard.owed import Owed
from watchtower.response.obligation import Obligation
from watchtower.units import ChannelId

ONE, TWO = owed(1), owed(2)


class Maker:
    """Makes obligations, and counts."""

    def __init__(self) -> None:
        """Know two channels."""
        self.known: dict[ChannelId, Obligation | None] = {ONE.channel: ONE, TWO.channel: TWO}
        self.made = 0

    def __call__(self, channel: ChannelId) -> Obligation | None:
        """Return what is owed on a channel."""
        self.made += 1
        return self.known[channel]


def test_what_did_not_change_is_not_made_again() -> None:
    """Ten thousand that wait cost what one that changed costs."""
    kept, make = Owed(), Maker()
    kept.judged(ONE.channel, redeem=True)
    kept.judged(TWO.channel, redeem=True)
    assert kept.all(make) == kept.all(make) == (ONE, TWO)
    assert make.made == 2

    make.known[TWO.channel] = higher = owed(2, 77)
    kept.changed(TWO.channel)
    assert kept.all(make) == (ONE, higher)
    assert make.made == 3


def test_what_is_paid_or_no_longer_to_be_redeemed_is_gone_and_may_come_back() -> None:
    """Level-triggered: the next change brings it back."""
    kept, make = Owed(), Maker()
    kept.judged(ONE.channel, redeem=True)
    kept.judged(TWO.channel, redeem=True)
    kept.all(make)
    make.known[ONE.channel] = None
    kept.changed(ONE.channel)
    kept.judged(TWO.channel, redeem=False)
    assert kept.all(make) == ()

    make.known[ONE.channel] = ONE
    kept.changed(ONE.channel)
    assert kept.all(make) == (ONE,)
