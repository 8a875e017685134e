"""A loss is counted as it is told: when it is sure, once, and over a restart."""

from __future__ import annotations

from typing import Final

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.guard.test_watch import PAYEE, START, changed, claim, closed, entry
from tests.store import make
from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Notice
from watchtower.guard.lost import Lost
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelDeleted,
    ChannelFact,
    ChannelMissing,
    LedgerClosed,
    Position,
)
from watchtower.tower.changes import Changes
from watchtower.tower.herald import Herald
from watchtower.tower.losses import Losses, losses_of, lost_of
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime, TxHash

XRP: Final = 1_000_000
CHANNEL: Final = entry().channel
NOW: Final = RippleTime(START)
PAYING: Final = TxHash("B" * 64)


class Scene:
    """A watch of one channel with 30 XRP at stake that ends a minute after START, and its herald.

    The tower comes back when that is over, and knows nothing of what happened meanwhile.
    """

    def __init__(self) -> None:
        self.told: list[int] = []
        self.watch = Watch([PAYEE], Policy())
        self.watch.learn(changed(9, entry(expiration=RippleTime(START + 60))))
        self.watch.raise_best(claim(30 * XRP))
        losses = Losses(lost=self.watch.incoming.lost)
        desk = Desk(self, repeat_after=0, clock=lambda: 0.0)
        self.herald = Herald(desk, Changes(None), losses=losses)

    def tell(self, notice: Notice) -> None:
        """Keep how much is told as lost."""
        if notice.alarm.name == "lost":
            self.told.append(self.watch.incoming.lost.drops)

    def ledger(self, index: int) -> LedgerClosed:
        """Hear of a ledger behind the end, judge, and tell."""
        at = closed(index, START + 60 + index)
        self.watch.ledger_closed(at)
        for judgement in self.watch.judge():
            self.herald.judged(judgement, ledger_index=at.ledger_index)
        self.herald.waited(at)
        return at

    def sees(self, fact: ChannelFact) -> None:
        """Learn of the channel."""
        self.herald.learned(self.watch.learn(fact))

    def reads(self, index: int) -> None:
        """Have read all that happened up to a ledger."""
        self.herald.read(LedgerIndex(index))

    @property
    def lost(self) -> tuple[int, int]:
        """Drops and channels."""
        return self.watch.incoming.lost.drops, self.watch.incoming.lost.channels


PAID: Final = entry(expiration=RippleTime(START + 60), balance=Drops(30 * XRP))
UNPAID: Final = entry(expiration=RippleTime(START + 60))
GONE: Final = ChannelMissing(channel=CHANNEL, at=Position(LedgerIndex(20), END_OF_LEDGER))


def test_what_another_tower_has_redeemed_is_counted_as_lost_at_no_time() -> None:
    """Its payment stands in ledgers that are read only after the end is known to have passed."""
    scene = Scene()
    for index in (20, 21):
        scene.ledger(index)
        assert scene.lost == (0, 0)
    scene.sees(changed(12, PAID, PAYING))
    scene.reads(21)
    for index in (22, 23):
        scene.ledger(index)
    assert (scene.lost, scene.told) == ((0, 0), [])


def test_what_was_redeemed_and_is_gone_is_neither_told_nor_counted_as_lost() -> None:
    """The state of today says only that the channel is gone; who took it out, history says."""
    scene = Scene()
    scene.sees(GONE)
    scene.ledger(20)
    scene.herald.knows(LedgerIndex(20))  # everything there is was read, and it was not in there
    scene.ledger(21)
    assert (scene.lost, scene.told) == ((0, 0), [])
    assert scene.herald.is_in_doubt
    gone = Position(LedgerIndex(13), 0)
    scene.sees(ChannelDeleted(entry=PAID, at=gone, transaction=PAYING, paid=Drops(30 * XRP)))
    scene.ledger(22)
    assert (scene.lost, scene.told) == ((0, 0), [])
    assert not scene.herald.is_in_doubt


def test_what_is_gone_and_nobody_can_tell_of_is_lost() -> None:
    """An alarm that waited for history that no server has would never come."""
    scene = Scene()
    scene.sees(GONE)
    scene.ledger(20)
    scene.reads(19)
    scene.ledger(21)
    assert scene.lost == (0, 0)
    scene.reads(20)
    scene.ledger(22)
    assert (scene.lost, scene.told) == ((30 * XRP, 1), [30 * XRP])


def test_what_expired_and_is_gone_meanwhile_waits_for_the_ledger_in_which_it_went() -> None:
    """That all is known up to its end says nothing of how it went later."""
    scene = Scene()
    scene.ledger(20)
    scene.sees(ChannelMissing(channel=CHANNEL, at=Position(LedgerIndex(25), END_OF_LEDGER)))
    scene.ledger(25)
    scene.reads(20)
    scene.ledger(26)
    assert scene.lost == (0, 0)
    scene.reads(25)
    scene.ledger(27)
    assert scene.lost == (30 * XRP, 1)


def test_what_turns_out_to_have_been_promised_above_a_loss_is_counted_too() -> None:
    """A claim that waited elsewhere is kept an hour after the end."""
    scene = Scene()
    for index in (20, 21):
        scene.ledger(index)
        scene.reads(index)
    scene.ledger(22)
    scene.watch.raise_best(claim(45 * XRP))
    for index in (23, 24):
        scene.ledger(index)
        scene.reads(index)
    scene.ledger(25)
    assert scene.lost == (45 * XRP, 1)


CHANNELS: Final = [ChannelId(f"{number:064X}") for number in range(3)]
steps = st.lists(
    st.one_of(
        st.tuples(st.sampled_from(CHANNELS), st.integers(1, 9)),
        st.tuples(st.sampled_from(CHANNELS), st.just(None)),
        st.just("look"),
        st.just("kill"),
        st.just("stop"),
    ),
    max_size=30,
)


@settings(max_examples=25)
@given(made=steps)
@example(made=[(CHANNELS[0], 3), "look", (CHANNELS[1], 5), "look", "kill"])
async def test_the_sums_are_those_of_what_was_told_whenever_the_tower_is_killed(
    made: list[tuple[ChannelId, int | None] | str], tmp_path_factory: pytest.TempPathFactory
) -> None:
    """What is told again after a kill is counted once; what was stopped forgets nothing.

    A channel that is found again after a kill has lost what it had lost before.
    """
    async with await make.store(tmp_path_factory.mktemp("store") / "watchtower.db") as store:
        true: dict[ChannelId, int] = {}
        gone = 0
        losses = Losses(lost=Lost(), store=store)
        sums = losses._lost
        for step in made:
            match step:
                case "look":
                    await losses.look()
                case "kill" | "stop":
                    if step == "stop":
                        await losses.keep_the_last()
                    async with store.read() as work:
                        notes = await work.notes.load_all()
                    sums = lost_of(notes)
                    losses = Losses(losses_of(notes), lost=sums, store=store)
                    # What is in the ledger yet is found again, and told where that is news.
                    for channel, lost in true.items():
                        if losses.is_news(channel, Drops(lost)):
                            losses.told(channel, Drops(lost), at=NOW)
                case (channel, int() as more):
                    true[ChannelId(channel)] = true.get(ChannelId(channel), 0) + more
                    losses.told(ChannelId(channel), Drops(true[ChannelId(channel)]), at=NOW)
                case (channel, _):
                    # It is gone for good, as soon as all of it is on disk.
                    await losses.look()
                    await losses.look()
                    losses.forget(ChannelId(channel))
                    await losses.look()
                    await losses.look()
                    gone += true.pop(ChannelId(channel), 0)
            assert sums.drops == sum(true.values()) + gone


def test_a_version_that_kept_no_sums_has_told_what_its_notes_say() -> None:
    """The first start after an upgrade counts them, and tells none of them as new."""
    assert lost_of({"lost " + CHANNEL: 7, "lost " + "D" * 64: 5}) == Lost(
        drops=Drops(12), channels=2, last=ChannelId("D" * 64)
    )
    assert lost_of({}) == Lost()
