"""What the tower says of itself: deadlines, seats and money, at a cost that does not grow."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NoReturn

from typing_extensions import override

from tests.guard.test_watch import PAYEE, START, changed, claim, closed, entry
from tests.tower.conftest import XRP, Stage
from watchtower.guard.watch import Watch
from watchtower.judgement.policy import Policy
from watchtower.machine import Machine
from watchtower.tower.bulletin import STATUS_NOTE, bulletin
from watchtower.tower.losses import Losses
from watchtower.tower.tending import Rhythm
from watchtower.units import Address, Drops, RippleTime


class Means:
    """An account pays its own fees, and is to hold five tickets."""

    tickets_wanted = 5

    def needed(self, account: Address) -> Drops | None:
        """What one attempt costs at most."""
        assert account == PAYEE
        return Drops(50_000)


class Unread(dict[Any, Any]):
    """A mapping in which one can look up, and through which nobody may go."""

    def _refuse(self) -> NoReturn:
        raise AssertionError("everything was looked through")

    @override
    def __iter__(self) -> Iterator[Any]:
        self._refuse()

    @override
    def items(self) -> NoReturn:
        self._refuse()

    @override
    def values(self) -> NoReturn:
        self._refuse()


def guarding(channels: int) -> Watch:
    """A watch of channels of 100 XRP that end a minute after each other, 30 XRP at stake on each.

    The last begins: the first channel's deadline comes last.
    """
    watch = Watch([PAYEE], Policy())
    watch.ledger_closed(closed(10))
    for number in range(1, channels + 1):
        end = RippleTime(START + 100_000 - 60 * number)
        watch.learn(changed(9, entry(number, expiration=end)))
        watch.raise_best(claim(30_000_000, number))
    watch.judge()
    return watch


def test_ten_nearest_deadlines_are_told_without_looking_at_every_channel() -> None:
    """It is told every few seconds, and a hundred thousand channels may be watched."""
    watch = guarding(30)
    watch.channels = Unread(watch.channels)
    watch.incoming.judgements = Unread(watch.incoming.judgements)
    deadlines = bulletin(watch, Means(), [], [])["deadlines"]
    assert [int(due["channel"], 16) for due in deadlines] == list(range(30, 20, -1))
    margin = watch.incoming.policy.margin
    (nearest, *_) = deadlines
    assert nearest["deadline"] == START + 100_000 - 60 * 30 - margin
    assert watch.newest is not None
    assert nearest["slack_seconds"] == nearest["deadline"] - watch.newest.pressing_time
    assert (nearest["window_seconds"], nearest["at_stake"]) == (3_600 - margin, 30_000_000)


def test_window_of_a_cancel_after_is_its_lead_and_not_the_settle_delay() -> None:
    """By the settle delay of a day an hour that is left would look like the last moment."""
    policy = Policy()
    watch = Watch([PAYEE], policy)
    watch.ledger_closed(closed(10))
    end = RippleTime(START + policy.lead)
    watch.learn(changed(9, entry(1, cancel_after=end, settle_delay=86_400)))
    watch.raise_best(claim(30_000_000, 1))
    watch.judge()
    (due,) = bulletin(watch, Means(), [], [])["deadlines"]
    assert due["window_seconds"] == policy.lead - policy.margin


def test_deadline_goes_with_what_is_at_stake_and_with_the_channel() -> None:
    """What was paid, or is gone, is no deadline any more."""
    watch = guarding(3)
    paid = entry(3, expiration=RippleTime(START + 100_000 - 180), balance=Drops(30_000_000))
    watch.learn(changed(11, paid))
    watch.judge()
    watch.forget(entry(2).channel)
    (left,) = bulletin(watch, Means(), [], [])["deadlines"]
    assert int(left["channel"], 16) == 1
    assert len(watch.incoming.deadlines) == 1  # else those that are gone crowd out the others


def test_ledgers_that_are_not_accounted_for_are_counted() -> None:
    """None before the first one; afterwards those between the last that is done and the newest."""
    watch = Watch([PAYEE], Policy())
    assert bulletin(watch, Means(), [], [])["gaps"] is None
    watch.accounted(closed(10).ledger_index)
    watch.ledger_closed(closed(14))
    assert bulletin(watch, Means(), [], [])["gaps"] == 3


def test_what_was_lost_is_told_as_it_was_counted_and_after_the_channel_is_gone() -> None:
    """Seconds after the alarm `lost` the status must not look as if nothing had happened."""
    watch = guarding(2)
    told = bulletin(watch, Means(), [], [])
    assert (told["lost_drops"], told["lost_channels"], told["lost_last"]) == (0, 0, None)
    now = RippleTime(START + 100_000 - 90)
    watch.ledger_closed(closed(20, now))
    watch.judge()
    over = entry(2).channel
    assert bulletin(watch, Means(), [], [])["lost_drops"] == 0  # it may be paid, for all we know
    Losses(lost=watch.incoming.lost).told(over, Drops(30 * XRP), at=now)
    watch.forget(over)
    told = bulletin(watch, Means(), [], [])
    assert (told["lost_drops"], told["lost_channels"]) == (30 * XRP, 1)
    assert (told["lost_last"], told["lost_at"]) == (over, now)


async def test_running_tower_tells_deadlines_seats_and_money(stage: Stage) -> None:
    """By the ledger that it is connected to, and the operator's limits."""
    channel = await stage.channel(settle_delay=3_600)
    await stage.keep(channel, 30 * XRP)
    told: dict[str, Any] = {}
    async with stage.tower(machine=Machine(rhythm=Rhythm(rounds=0.1))):

        async def is_told() -> bool:
            async with stage.store() as store, store.read() as work:
                told.update(await work.notes.get(STATUS_NOTE) or {})
            return bool(told.get("deadlines")) and bool(told["money"])

        await stage.until_told(channel, "judged")
        await stage.close_request_and_then(
            channel, lambda: stage.sandbox.refuse_submissions(10_000, "telINSUF_FEE_P")
        )
        await stage.until(is_told, closing=False)
    (due,) = told["deadlines"]
    assert (due["channel"], due["at_stake"]) == (channel, 30 * XRP)
    assert 0 < due["slack_seconds"] <= due["window_seconds"] < 3_600
    assert told["gaps"] == 0
    (seat,) = told["seats"]
    assert seat["account"] == stage.payee.address
    assert 0 <= seat["tickets"] <= seat["pool"] == stage.settings.tickets.pool
    assert seat["sequence"] > 0
    (money,) = told["money"]
    assert money["needed_drops"] == stage.settings.fees.cap_drops
    assert money["spendable_drops"] < await stage.money()
