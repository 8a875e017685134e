"""What the door knows of channels, and when that is good enough to serve by."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.claims.test_group import CHANNELS, PAYEE, entry
from watchtower.claims.sight import UNSEEN
from watchtower.errors import UnreachableError
from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelChanged,
    ChannelMissing,
    LedgerClosed,
    Position,
)
from watchtower.response.bundle import Level, Presigned
from watchtower.tower.coverage import Coverage
from watchtower.tower.lookout import Lookout
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime, TxHash

STRANGE = ChannelId("D" * 64)
AT = Position(LedgerIndex(9), END_OF_LEDGER)


class Scene:
    """A tower that has heard of ledger 100 and knows everything, until a test changes that."""

    def __init__(self) -> None:
        self.watch = Watch([PAYEE], Policy())
        self.watch.adopt(Channel(entry=entry(CHANNELS[0], 0), as_of=AT))
        self.heard_at: float | None = 50.0
        self.reconciled = asyncio.Event()
        self.reconciled.set()
        self.now = 60.0
        self.asked = 0
        self.answer: ChannelChanged | ChannelMissing | None = None
        self.close(100)
        self.watch.accounted(LedgerIndex(100))
        self.can_sign = True
        coverage = Coverage(self.watch, cast("Any", None), lambda _account: self.can_sign)
        self.lookout = Lookout(
            cast("Any", self),
            servers=cast("Any", self),
            rounds=cast("Any", SimpleNamespace()),
            stale_after=30.0,
            clock=lambda: self.now,
            covered=coverage.covered,
        )

    def close(self, ledger: int) -> None:
        """Have the tower hear of a ledger."""
        self.watch.ledger_closed(
            LedgerClosed(
                ledger_index=LedgerIndex(ledger),
                ledger_hash="00",
                close_time=RippleTime(820_000_000),
                base_fee=Drops(10),
                reserve_base=Drops(1),
                reserve_increment=Drops(1),
            )
        )

    async def read_channel(
        self, _channel: ChannelId, *, vouched: bool = False
    ) -> ChannelChanged | ChannelMissing:
        """Answer as a server would; without an answer none is there."""
        assert vouched
        self.asked += 1
        await asyncio.sleep(0)
        if self.answer is None:
            raise UnreachableError(servers="x", why="y")
        return self.answer

    @property
    def is_stale(self) -> bool:
        """What is said of a channel that is watched."""
        seen = self.lookout.see(CHANNELS[0])
        assert seen is not None
        return seen.is_stale

    def covered(self) -> Drops | None:
        """Up to which balance a channel that is watched was signed ahead, if that matters."""
        seen = self.lookout.see(CHANNELS[0])
        assert seen is not None
        return seen.covered


@pytest.fixture
async def scene() -> Scene:
    """Everything is known."""
    return Scene()


async def test_what_is_watched_is_seen_by_the_newest_ledger(scene: Scene) -> None:
    """And nobody is asked."""
    assert not scene.is_stale
    assert scene.lookout.why_not_ready() == ""
    assert scene.asked == 0


async def test_before_the_channels_were_read_nothing_is_served(scene: Scene) -> None:
    """A close request of the time that we were down is in no ledger that comes now."""
    scene.reconciled.clear()
    assert scene.is_stale
    assert scene.lookout.why_not_ready()


async def test_while_missed_ledgers_are_being_read_nothing_is_served(scene: Scene) -> None:
    """After an outage the newest ledger is there at once, and a hundred before it are not."""
    scene.close(105)
    found = [scene.is_stale]
    scene.close(106)
    found.append(scene.is_stale)
    scene.watch.accounted(LedgerIndex(106))
    found.append(scene.is_stale)
    assert found == [False, True, False]


async def test_when_no_ledger_comes_nothing_is_served(scene: Scene) -> None:
    """By a steady clock: ledger time may be years away from the host's."""
    found = []
    for scene.now in (79.9, 80.0):
        found.append(scene.is_stale)
    assert found == [False, True]


async def test_strange_channel_is_asked_for_once_in_a_while(scene: Scene) -> None:
    """Whoever invents channels makes us ask once each, and not again at once."""
    scene.answer = ChannelMissing(channel=STRANGE, at=AT)
    assert scene.lookout.see(STRANGE) is None
    sights = await asyncio.gather(*(scene.lookout.look(STRANGE) for _ in range(20)))
    assert {sight.fact for sight in sights} == {scene.answer}
    assert scene.lookout.see(STRANGE) is not None
    assert scene.asked == 1
    scene.now += 10
    assert scene.lookout.see(STRANGE) is None


async def test_where_nobody_can_tell_nothing_is_known(scene: Scene) -> None:
    """The claim is kept until somebody can."""
    assert await scene.lookout.look(STRANGE) is UNSEEN


async def test_what_was_signed_ahead_bounds_serving_where_nothing_else_can_sign(
    scene: Scene,
) -> None:
    """To what was paid, where nothing was; where another right stands by, not at all."""
    scene.can_sign = False
    assert scene.covered() == 0
    ahead = Presigned(
        account=PAYEE,
        claim=Claim(channel=CHANNELS[0], amount=Drops(40), public_key="", signature=""),
        target=Drops(40),
        ticket=41,
        signing_key=f"ED{'0' * 64}",
        levels=(Level(fee=Drops(12), transaction=TxHash("0" * 64), blob="00"),),
    )
    scene.watch.signed_ahead.replace([ahead])
    assert scene.covered() == 40
    scene.can_sign = True
    assert scene.covered() is None
