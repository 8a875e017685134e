"""Who sleeps is woken before a channel ends unpaid, and who watches sees it coming."""

from __future__ import annotations

import msgspec
import pytest

from watchtower.alerts.desk import Desk
from watchtower.alerts.of_slack import slack_low
from watchtower.alerts.rules import Notice
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

    def __init__(self) -> None:
        self.told: list[Notice] = []
        self.watch = Watch([PAYEE.address], Policy())
        self.herald = Herald(Desk(self, repeat_after=0, clock=lambda: 0.0), Changes(None))
        self._index = 100

    def tell(self, notice: Notice) -> None:
        """Keep it."""
        self.told.append(notice)

    def channel(self, entry: ChannelEntry) -> None:
        """Let the channel be so, from now on."""
        self._index += 1
        self.watch.learn(ChannelChanged(entry=entry, at=Position(LedgerIndex(self._index), 0)))

    def ledger(self, time: int) -> list[tuple[str, str]]:
        """Close a ledger at ``time``; return what is told of slack, with its severity."""
        self.told.clear()
        self._index += 1
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
        CHANNEL, at_stake=Drops(1), slack=slack, window=80_000, deadline=RippleTime(0)
    )

    assert alarm is not None
    assert said in alarm.sentence
