"""Who sleeps is woken before a channel ends unpaid, and who watches sees it coming."""

from __future__ import annotations

import msgspec
import pytest

from watchtower.alerts.desk import Desk
from watchtower.alerts.of_slack import slack_low
from watchtower.alerts.rules import Notice
from watchtower.alerts.unpaid import CHANCE, Unpaid
from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import ChannelChanged, ChannelEntry, LedgerClosed, Position
from watchtower.sandbox.people import Person
from watchtower.tower.changes import Changes
from watchtower.tower.herald import Herald
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime

PAYER, PAYEE = Person.named("a payer"), Person.named("a payee")
CHANNEL = ChannelId("C" * 64)
START = 820_540_900
MARGIN = Policy().margin


class Ground:
    """A watch whose ledgers go on as told, with a herald and somebody who listens."""

    def __init__(self, policy: Policy | None = None) -> None:
        self.told: list[Notice] = []
        self.watch = Watch([PAYEE.address], policy or Policy())
        self.herald = Herald(Desk(self, repeat_after=0, clock=lambda: 0.0), Changes(None))
        self._index, self._time = 100, START

    def tell(self, notice: Notice) -> None:
        """Keep it."""
        self.told.append(notice)

    def channel(self, entry: ChannelEntry) -> None:
        """Let the channel be so from the next ledger on."""
        self.watch.learn(ChannelChanged(entry=entry, at=Position(LedgerIndex(self._index + 1), 0)))

    def ledger(self, time: int) -> list[tuple[str, str]]:
        """Close a ledger at ``time``; return what is told of slack, with its severity.

        Ledgers that nobody is told of come every ten seconds before it.
        """
        self.told.clear()
        self._index += max(1, (time - self._time) // 10)
        self._time = time
        closed = LedgerClosed(
            ledger_index=LedgerIndex(self._index),
            ledger_hash="F" * 64,
            close_time=RippleTime(time),
            base_fee=Drops(10),
            reserve_base=Drops(1_000_000),
            reserve_increment=Drops(200_000),
        )
        self.watch.ledger_closed(closed)
        for judgement in self.watch.judge():
            self.herald.judged(judgement, ledger_index=closed.ledger_index)
        self.herald.waited(closed)
        return [
            (notice.kind.value, notice.alarm.severity.value)
            for notice in self.told
            if notice.alarm.name == "slack_low"
        ]


ENTRY = ChannelEntry(
    channel=CHANNEL,
    source=PAYER.address,
    destination=PAYEE.address,
    amount=Drops(50_000_000),
    balance=Drops(0),
    public_key=PAYER.public_key,
    settle_delay=3_600,
)
CLAIM = Claim(
    channel=CHANNEL, amount=Drops(30_000_000), public_key=PAYER.public_key, signature="30"
)


def replaced(entry: ChannelEntry, **changes: object) -> ChannelEntry:
    """Return the entry with something else in it."""
    return msgspec.structs.replace(entry, **changes)


def test_slack_is_told_on_three_rungs_and_ends_when_it_is_paid() -> None:
    """Each once, at the first ledger below it, although nothing else changes meanwhile."""
    ground = Ground()
    ground.watch.raise_best(CLAIM)
    end = START + 3_600
    ground.channel(replaced(ENTRY, expiration=RippleTime(end)))
    deadline, window = end - MARGIN, 3_600 - MARGIN

    assert ground.ledger(START) == []
    assert ground.ledger(deadline - window // 2) == []
    assert ground.ledger(deadline - window // 2 + 1) == [("raised", "info")]
    assert ground.ledger(deadline - window // 2 + 5) == []
    assert ground.ledger(deadline - window // 4 + 1) == [("raised", "warning")]
    assert ground.ledger(deadline - window // 10 + 1) == [("raised", "urgent")]

    paid = replaced(ENTRY, expiration=RippleTime(end), balance=Drops(30_000_000))
    ground.channel(paid)
    assert ground.ledger(deadline - 100) == [("resolved", "urgent")]


def test_slack_of_cancel_after_is_measured_by_the_lead() -> None:
    """No event announces it, so that the window is what the policy keeps free before it."""
    ground = Ground()
    ground.watch.raise_best(CLAIM)
    lead = Policy().lead
    end = START + 2 * lead
    ground.channel(replaced(ENTRY, cancel_after=RippleTime(end)))

    assert ground.ledger(end - lead - 100) == []
    assert ground.ledger(end - lead + 1) == []
    assert ground.ledger(end - MARGIN - (lead - MARGIN) // 4 + 1) == [("raised", "warning")]


def test_nothing_at_stake_is_no_reason_to_wake_anybody() -> None:
    """A channel without a claim may end as it likes."""
    ground = Ground()
    ground.channel(replaced(ENTRY, expiration=RippleTime(START + 3_600)))

    assert ground.ledger(START + 3_599) == []


SHORT = replaced(ENTRY, settle_delay=60)


def test_a_short_channel_that_is_paid_in_the_next_ledgers_wakes_nobody() -> None:
    """Not in the moment of the close request, after which no time was left from the start."""
    ground = Ground()
    ground.watch.raise_best(CLAIM)
    closing = replaced(SHORT, expiration=RippleTime(START + 60))
    ground.channel(closing)

    assert ground.ledger(START) == []
    assert ground.ledger(START + 10) == []
    ground.channel(replaced(closing, balance=CLAIM.amount))
    assert ground.ledger(START + 20) == []


def test_a_short_channel_that_stays_unpaid_is_a_warning() -> None:
    """It was said not to serve it: whoever sleeps is not woken, and whoever watches sees it."""
    ground = Ground()
    ground.watch.raise_best(CLAIM)
    ground.channel(replaced(SHORT, expiration=RippleTime(START + 60)))

    told = [ground.ledger(START + seconds) for seconds in range(0, 60, 10)]

    assert told == [[], [], [], [("raised", "warning")], [], []]


def test_what_was_promised_is_urgent_after_three_ledgers_however_short_it_is() -> None:
    """Where the operator promises protection to short channels, or it ends by CancelAfter."""
    for policy, entry in (
        (Policy(min_settle_delay=0), replaced(SHORT, expiration=RippleTime(START + 60))),
        (Policy(), replaced(SHORT, cancel_after=RippleTime(START + 60))),
    ):
        ground = Ground(policy)
        ground.watch.raise_best(CLAIM)
        ground.channel(entry)

        told = [ground.ledger(START + seconds) for seconds in range(0, 50, 10)]

        assert told == [[], [], [], [("raised", "urgent")], []]


def test_one_more_drop_in_every_ledger_of_the_last_minutes_wakes_nobody() -> None:
    """A payer goes on promising while it closes; what it promised is paid, a ledger later each."""
    ground = Ground()
    entry = replaced(ENTRY, expiration=RippleTime(START + 3_600))
    nearly_over = START + 3_600 - MARGIN - 60

    for drops in range(1, 13):
        ground.watch.raise_best(msgspec.structs.replace(CLAIM, amount=Drops(drops)))
        ground.channel(replaced(entry, balance=Drops(drops - 1)))
        assert ground.ledger(nearly_over + 4 * drops) == []


def test_a_payer_who_pays_and_promises_drops_does_not_keep_a_loss_from_being_told() -> None:
    """What was owed is not paid yet, whatever else the payer does in each ledger."""
    ground = Ground()
    entry = replaced(ENTRY, expiration=RippleTime(START + 3_600))
    nearly_over = START + 3_600 - MARGIN - 60

    told = []
    for drops in range(1, 6):
        more = Drops(CLAIM.amount + drops)
        ground.watch.raise_best(msgspec.structs.replace(CLAIM, amount=more))
        ground.channel(
            replaced(entry, balance=Drops(drops), amount=Drops(entry.amount + 1_000 * drops))
        )
        told.append(ground.ledger(nearly_over + 4 * drops))

    assert told == [[], [], [], [("raised", "urgent")], []]


def test_an_index_that_a_server_made_up_puts_nothing_off() -> None:
    """Waiting is counted from the lowest of them, so that a far one does not silence the alarm."""
    unpaid = Unpaid()

    def had_chance(ledger_index: int) -> bool:
        index = LedgerIndex(ledger_index)
        return unpaid.had_chance(CHANNEL, target=Drops(30), at_stake=Drops(30), ledger_index=index)

    assert not had_chance(1_000_000)
    assert not had_chance(100)
    assert had_chance(100 + CHANCE)


def test_a_payer_who_asks_to_close_again_gives_no_less_time_to_pay() -> None:
    """What was owed when it asked first, and took it back, was not pressing meanwhile."""
    ground = Ground(Policy(min_settle_delay=0))
    ground.watch.raise_best(CLAIM)
    ground.channel(replaced(SHORT, expiration=RippleTime(START + 60)))
    assert ground.ledger(START) == []
    ground.channel(SHORT)
    assert ground.ledger(START + 10) == []

    ground.channel(replaced(SHORT, expiration=RippleTime(START + 1_060)))
    assert ground.ledger(START + 1_000) == []


@pytest.mark.parametrize(
    ("slack", "said"),
    [
        (7_300, "2 hours are left"),
        (400, "6 minutes are left"),
        (60, "60 seconds are left"),
        (-5, "was over at 2000-01-01T00:00:00Z"),
    ],
)
def test_the_time_that_is_left_is_said_for_people(slack: int, said: str) -> None:
    """In ledger time, and past the margin it says that it is past."""
    alarm = slack_low(
        CHANNEL,
        at_stake=Drops(1),
        slack=slack,
        window=80_000,
        deadline=RippleTime(0),
        promised=True,
    )

    assert alarm is not None
    assert said in alarm.sentence
