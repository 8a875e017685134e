"""What the tower may send for others: what was lost is asked for again, before people are woken."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from watchtower.alerts.deliver import Deliverer
from watchtower.alerts.desk import Desk
from watchtower.errors import LedgerError, UnreachableError
from watchtower.guard.watch import Watch
from watchtower.judgement.delegation import CLAIMING, DelegationFault
from watchtower.judgement.policy import Policy
from watchtower.ledger.events import (
    AccountChanged,
    AccountEntry,
    AccountFact,
    DelegationChanged,
    LedgerClosed,
    Position,
)
from watchtower.sandbox.people import Person
from watchtower.tower.delegation import Delegation
from watchtower.units import Address, Drops, LedgerIndex, RippleTime, TxHash

PAYEE, TOWER = Person.named("payee").address, Person.named("tower").address
XRP = 1_000_000
POLICY = Policy(margin=120, cancel_after_lead=21_600, min_settle_delay=900)


def permission(index: int, *kinds: str, seen: bool = False) -> DelegationChanged:
    """What the payee permits since a ledger."""
    return DelegationChanged(
        account=PAYEE,
        delegate=TOWER,
        permissions=frozenset(kinds),
        at=Position(LedgerIndex(index), 0),
        transaction=TxHash("A" * 64) if seen else None,
    )


def money(index: int, drops: int) -> AccountChanged:
    """What the tower's own account has since a ledger."""
    entry = AccountEntry(account=TOWER, balance=Drops(drops), sequence=1)
    return AccountChanged(entry=entry, at=Position(LedgerIndex(index), 0))


@dataclass
class Table:
    """A watch that knows the tower's own account, servers that say what they are told, a clock."""

    says: tuple[AccountFact, ...] | LedgerError = ()
    asked: int = 0
    now: float = 0.0
    watch: Watch = field(default_factory=lambda: Watch([PAYEE], POLICY, own=TOWER))
    desk: Desk = field(init=False)
    delegation: Delegation = field(init=False)

    def __post_init__(self) -> None:
        """Bring the parts together."""
        self.desk = Desk(Deliverer([]), repeat_after=3600, clock=lambda: self.now)
        self.delegation = Delegation(
            self.watch,
            delegate=TOWER,
            accounts=[PAYEE],
            money=Drops(5 * XRP),
            servers=self,
            desk=self.desk,
            learn=self.learn,
            clock=lambda: self.now,
        )
        self.watch.ledger_closed(
            LedgerClosed(
                ledger_index=LedgerIndex(9),
                ledger_hash="A" * 64,
                close_time=RippleTime(800_000_000),
                base_fee=Drops(10),
                reserve_base=Drops(XRP),
                reserve_increment=Drops(200_000),
            )
        )

    def learn(self, facts: Iterable[AccountFact]) -> None:
        """Take what servers told."""
        for fact in facts:
            self.watch.learn(fact)

    async def read_account(self, account: Address) -> tuple[AccountFact, ...]:
        """Return what servers say of the payee."""
        assert account == PAYEE
        self.asked += 1
        if isinstance(self.says, LedgerError):
            raise self.says
        return self.says

    async def alarms(self) -> set[str]:
        """Have it look, and return which alarms stand."""
        await self.delegation.look()
        return {alarm.name for alarm in self.desk.standing()}


async def test_a_permission_that_one_server_says_is_lost_is_asked_for_again() -> None:
    """What two servers tell of a later ledger undoes a lie in the stream, before it is an alarm."""
    table = Table(says=(permission(12, CLAIMING),))
    table.watch.learn(permission(10, CLAIMING))
    table.watch.learn(permission(11, seen=True))
    assert table.watch.delegation_fault(PAYEE) is DelegationFault.NOT_PERMITTED
    assert await table.alarms() == set()
    assert table.watch.delegation_fault(PAYEE) is None
    assert table.asked == 1


async def test_a_permission_that_is_lost_is_an_alarm_and_asked_for_once_a_minute() -> None:
    """Also while nobody can be asked; it ends when the permission is given again."""
    table = Table(says=UnreachableError(servers="wss://one", why="it is down"))
    table.watch.learn(permission(11, seen=True))
    for _ in range(3):
        assert await table.alarms() == {"delegation_missing"}
    assert table.asked == 1
    table.now += 61
    table.says = (permission(12),)
    assert await table.alarms() == {"delegation_missing"}
    assert table.asked == 2
    table.watch.learn(permission(13, CLAIMING, seen=True))
    assert await table.alarms() == set()


async def test_nobody_is_alarmed_before_anything_is_known() -> None:
    """At the start both accounts are still to be read."""
    table = Table()
    assert await table.alarms() == set()
    assert table.watch.delegation_fault(PAYEE) is DelegationFault.UNKNOWN
    assert table.asked == 0


async def test_fee_money_counts_above_the_reserve() -> None:
    """Five XRP above one of reserve are enough, and a drop less is not."""
    table = Table()
    table.watch.learn(permission(10, CLAIMING))
    table.watch.learn(money(10, 6 * XRP))
    assert await table.alarms() == set()
    table.watch.learn(money(11, 6 * XRP - 1))
    assert await table.alarms() == {"delegate_money_low"}
    table.watch.learn(money(12, 9))
    assert await table.alarms() == {"delegate_money_low", "delegation_missing"}
    table.watch.learn(money(13, 7 * XRP))
    assert await table.alarms() == set()
