"""Foresight: said before it happens, and no longer once it is mended."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from watchtower.alerts.desk import Desk
from watchtower.alerts.rules import Notice
from watchtower.guard.watch import Watch
from watchtower.judgement.claim import Claim
from watchtower.judgement.policy import Policy
from watchtower.ledger.answers import Fees
from watchtower.ledger.events import (
    AccountChanged,
    AccountEntry,
    AccountMissing,
    ChannelChanged,
    ChannelEntry,
    LedgerClosed,
    Position,
    TicketsHeld,
)
from watchtower.response.fees import FeePolicy
from watchtower.response.respond import Limits
from watchtower.response.tickets import TicketPool
from watchtower.sandbox.people import Person
from watchtower.tower.foresight import Foresight
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime

PAYER, PAYEE = Person.named("a payer"), Person.named("a payee")
XRP = 1_000_000
AT = Position(LedgerIndex(99), 0)
LITTLE_ROOM = Fees(
    base_fee=Drops(10), open_ledger_fee=Drops(10), expected_ledger_size=9, median_level=128_000
)


@dataclass
class Servers:
    """The world beyond this machine: what it asks for transactions, and how often it was asked."""

    fees: Fees = LITTLE_ROOM
    asked: int = 0

    async def fee(self) -> Fees:
        """Tell what transactions cost."""
        self.asked += 1
        return self.fees


@dataclass
class Ground:
    """A watch of a payee with two tickets, and what is told of it."""

    servers: Servers = field(default_factory=Servers)
    told: list[Notice] = field(default_factory=list)
    now: float = 0.0
    facts: int = 0
    watch: Watch = field(default_factory=lambda: Watch([PAYEE.address], Policy()))

    def __post_init__(self) -> None:
        self.desk = Desk(self, repeat_after=3600)
        self.foresight = Foresight(
            self.watch,
            servers=self.servers,
            desk=self.desk,
            limits=Limits(
                fees=FeePolicy(
                    share_ppm=500_000,
                    haste_ppm=1_000,
                    cap=Drops(XRP),
                    daily_cap=Drops(20 * XRP),
                ),
                last_ledger_offset=8,
            ),
            pool=TicketPool(size=4, low_water=2),
            clock=lambda: self.now,
        )
        self.watch.ledger_closed(
            LedgerClosed(
                ledger_index=LedgerIndex(100),
                ledger_hash="F" * 64,
                close_time=RippleTime(820_540_900),
                base_fee=Drops(10),
                reserve_base=Drops(XRP),
                reserve_increment=Drops(200_000),
            )
        )

    def tell(self, notice: Notice) -> None:
        """Keep what is told."""
        self.told.append(notice)

    def channels(self, count: int, drops: int, settle_delay: int = 900) -> None:
        """Open so many channels, each with so much at stake."""
        for number in range(count):
            channel = ChannelId(f"{number:064X}")
            self.watch.learn(
                ChannelChanged(
                    entry=ChannelEntry(
                        channel=channel,
                        source=PAYER.address,
                        destination=PAYEE.address,
                        amount=Drops(drops),
                        balance=Drops(0),
                        public_key=PAYER.public_key,
                        settle_delay=settle_delay,
                    ),
                    at=AT,
                )
            )
            self.watch.raise_best(
                Claim(
                    channel=channel,
                    amount=Drops(drops),
                    public_key=PAYER.public_key,
                    signature="30",
                )
            )
        self.watch.judge()

    def account(self, balance: int, tickets: tuple[int, ...]) -> None:
        """Let the payee have so much, and these tickets."""
        self.facts += 1
        at = Position(LedgerIndex(100), self.facts)
        entry = AccountEntry(
            account=PAYEE.address,
            balance=Drops(balance),
            sequence=9,
            owner_count=len(tickets),
            flags=0,
            ticket_count=len(tickets),
        )
        self.watch.learn(AccountChanged(entry=entry, at=at))
        self.watch.learn(TicketsHeld(account=PAYEE.address, tickets=frozenset(tickets), at=at))

    async def alarms(self) -> set[str]:
        """Look ahead, and return the alarms that stand."""
        await self.foresight.look_ahead()
        return {alarm.name for alarm in self.desk.standing()}


@pytest.fixture
def ground() -> Ground:
    """An empty house."""
    return Ground()


async def test_more_channels_than_the_shortest_settle_delay_takes_are_told_of(
    ground: Ground,
) -> None:
    """Ten a ledger for the base fee, and not one for more: 146 ledgers redeem 1,460 channels."""
    ground.channels(1_460, drops=1_000)
    assert await ground.alarms() == set()
    ground.now += 61
    ground.channels(1_461, drops=1_000)
    assert await ground.alarms() == {"exit_too_slow"}
    sentence = ground.told[-1].alarm.sentence
    assert "1461 channels" in sentence
    assert "147 ledgers" in sentence


async def test_larger_budgets_take_more_channels_out_of_every_ledger(ground: Ground) -> None:
    """What is worth more pays the price of the open ledger."""
    ground.channels(1_461, drops=XRP)
    assert await ground.alarms() == set()


async def test_channel_that_nobody_can_protect_makes_no_exit_too_slow(ground: Ground) -> None:
    """Its own alarm says so already."""
    ground.channels(1, drops=1_000, settle_delay=60)
    assert await ground.alarms() == set()


async def test_alarm_ends_when_it_is_mended(ground: Ground) -> None:
    """By a ledger that takes more, as by fewer channels."""
    ground.channels(1_461, drops=1_000)
    assert await ground.alarms() == {"exit_too_slow"}
    ground.servers.fees = Fees(
        base_fee=Drops(10), open_ledger_fee=Drops(10), expected_ledger_size=50
    )
    ground.now += 61
    assert await ground.alarms() == set()


async def test_servers_are_asked_once_a_minute_at_most(ground: Ground) -> None:
    """And never when nothing is at stake."""
    await ground.alarms()
    assert ground.servers.asked == 0
    ground.channels(1, drops=XRP)
    ground.now += 61
    for _ in range(5):
        await ground.alarms()
    assert ground.servers.asked == 1


async def test_reserve_that_cannot_hold_the_tickets_is_told_with_what_is_short(
    ground: Ground,
) -> None:
    """One XRP of reserve, two tickets, two more, and a fee of one XRP at the cap."""
    ground.account(2_799_999, tickets=(4, 5))
    assert await ground.alarms() == {"ticket_pool_short"}
    assert "Send it 0.000001 XRP" in ground.told[-1].alarm.sentence
    ground.account(2_800_000, tickets=(4, 5))
    assert await ground.alarms() == set()


async def test_fee_money_below_one_attempt_at_the_cap_is_told_ahead(ground: Ground) -> None:
    """And no longer once it has been sent."""
    ground.account(2_599_999, tickets=(4, 5, 6))
    assert await ground.alarms() == {"fee_money_low"}
    ground.account(2_600_000, tickets=(4, 5, 6))
    assert await ground.alarms() == set()


async def test_account_that_is_not_there_is_asked_for_nothing(ground: Ground) -> None:
    """That it is missing is another alarm's business."""
    ground.watch.learn(AccountMissing(account=PAYEE.address, at=AT))
    assert await ground.alarms() == set()


async def test_account_with_tickets_enough_is_left_in_peace(ground: Ground) -> None:
    """However poor it is but for its fee; they were paid for."""
    ground.account(2_600_000, tickets=(4, 5, 6))
    assert await ground.alarms() == set()
