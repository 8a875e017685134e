"""What an account's attempts have cost today, by ledger time."""

from __future__ import annotations

from tests.response.attempts import OTHER, PAYEE
from watchtower.response.spending import DaySpent, Spending
from watchtower.units import Drops, RippleTime

DAY = 86_400
NOON = RippleTime(9_000 * DAY + DAY // 2)


def test_fees_of_a_day_add_up_by_account() -> None:
    """One account's spending is no other's."""
    spending = Spending()
    spending.pay(PAYEE, Drops(10), NOON)
    assert spending.pay(PAYEE, Drops(20), RippleTime(NOON + 1)) == DaySpent(
        day=9_000, drops=Drops(30)
    )
    assert spending.on(PAYEE, NOON) == 30
    assert spending.on(OTHER, NOON) == 0


def test_new_day_of_ledger_time_begins_with_nothing_spent() -> None:
    """At midnight, UTC, by the ledger's own clock."""
    spending = Spending({PAYEE: DaySpent(day=9_000, drops=Drops(30))})
    midnight = RippleTime(9_001 * DAY)
    assert spending.on(PAYEE, RippleTime(midnight - 1)) == 30
    assert spending.on(PAYEE, midnight) == 0
    assert spending.pay(PAYEE, Drops(5), midnight).drops == 5
