"""Claims that wait by the thousand: those for channels that are there are decided at once."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest

from tests.claims.test_group import CHANNELS, GUARDS, KEYS, entry, signed
from tests.guard.test_watch import closed
from tests.store.make import CHEAP
from watchtower.claims.intake import Intake
from watchtower.claims.sight import UNSEEN
from watchtower.errors import UnreachableError
from watchtower.guard.watch import Watch
from watchtower.judgement.channel import Channel
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import END_OF_LEDGER, ChannelChanged, ChannelMissing, Position
from watchtower.store.database import Store
from watchtower.tower.pending import PendingClaims
from watchtower.units import ChannelId, LedgerIndex, RippleTime

AT = Position(LedgerIndex(9), END_OF_LEDGER)
STRANGERS = 250
OURS = CHANNELS[0]


def strange(number: int) -> ChannelId:
    """A channel that somebody made up; half of them stand before ours, half behind."""
    return ChannelId(f"{'0F'[number % 2]}{number:063X}")


class Scene:
    """A tower that has heard of ledger 100, and servers that know of no channel but ours."""

    def __init__(self, store: Store) -> None:
        self.store = store
        self.watch = Watch(GUARDS["payee"].payees, Policy())
        self.watch.ledger_closed(closed(100))
        self.intake = Intake(store, GUARDS["payee"])
        self.asked: list[ChannelId] = []
        self.is_reachable = True
        self.pending = PendingClaims(
            cast("Any", self), store=store, servers=self, intake=self.intake
        )

    def take_up(self, channels: Any, claims: Any) -> None:
        """As the tower does."""
        for channel in channels:
            self.watch.adopt(channel)
        for claim in claims:
            self.watch.raise_best(claim)

    async def read_channel(
        self, channel: ChannelId, *, vouched: bool = False
    ) -> ChannelChanged | ChannelMissing:
        """Answer as servers would."""
        assert vouched
        self.asked.append(channel)
        if not self.is_reachable:
            raise UnreachableError(servers="x", why="y")
        return ChannelMissing(channel=channel, at=AT)

    async def strangers_come(self) -> None:
        """Many claims for what is no channel."""
        claims = [signed(strange(number), 5, KEYS[1]) for number in range(STRANGERS)]
        await self.intake.take_all(claims, lambda _claim: UNSEEN)

    async def waiting(self) -> int:
        """How many claims wait."""
        async with self.store.read() as work:
            return await work.claims.count_pending()


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    """Strangers have come before anybody else."""
    async with await Store.create(tmp_path / "w.db", "secret", cost=CHEAP) as store:
        made = Scene(store)
        await made.strangers_come()
        yield made


async def test_a_claim_for_a_channel_that_is_there_by_now_is_kept_in_the_next_round(
    scene: Scene,
) -> None:
    """However many strangers stand before it, and although no server answers."""
    await scene.intake.take(signed(OURS, 7, KEYS[0]), UNSEEN)
    scene.watch.adopt(Channel(entry=entry(OURS, 0), as_of=AT))
    scene.is_reachable = False
    with pytest.raises(UnreachableError):
        await scene.pending.settle()
    assert scene.watch.best[OURS].amount == 7
    assert await scene.waiting() == STRANGERS


async def test_all_keys_that_claim_on_a_channel_are_decided_together(scene: Scene) -> None:
    """Whoever made up a key for the payer's channel holds up nothing."""
    claims = [signed(OURS, 7, KEYS[0]), signed(OURS, 900, KEYS[1])]
    await scene.intake.take_all(claims, lambda _claim: UNSEEN)
    scene.watch.adopt(Channel(entry=entry(OURS, 0), as_of=AT))
    await scene.pending.settle()
    assert scene.watch.best[OURS].amount == 7
    assert await scene.waiting() == STRANGERS


async def test_servers_are_asked_for_twenty_channels_a_round_each_in_its_turn(
    scene: Scene,
) -> None:
    """They are the same servers that are asked for what presses."""
    for number in range(1, 14):
        await scene.pending.settle()
        assert len(scene.asked) == min(20 * number, STRANGERS)
    assert len(set(scene.asked)) == STRANGERS
    assert await scene.waiting() == STRANGERS


async def test_what_is_missing_still_after_many_ledgers_is_let_go(scene: Scene) -> None:
    """And the room that it took is free again."""
    for _ in range(13):
        await scene.pending.settle()
    scene.watch.ledger_closed(closed(100 + 256, int(RippleTime(820_550_000))))
    for number in range(1, 14):
        await scene.pending.settle()
        assert await scene.waiting() == max(0, STRANGERS - 20 * number)
