"""The ticket pool: how many tickets to make, and when."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.ledger.events import Seat
from watchtower.response.tickets import TicketPool, ticket_transaction
from watchtower.units import Address, Drops, LedgerIndex

POOL = TicketPool(size=8, low_water=3)
INCREMENT = Drops(200_000)


def test_pool_is_filled_up_once_it_is_at_its_low_water_mark() -> None:
    """Not for every ticket that is used: each filling is a transaction."""
    assert [POOL.missing(held) for held in (0, 3, 4, 8, 9)] == [8, 5, 0, 0, 0]


def test_no_more_tickets_are_made_than_the_balance_can_hold() -> None:
    """Each locks up a part of the reserve; what is missing in between is told, not forced."""
    enough = Drops(5 * INCREMENT)
    assert POOL.affordable(3, spare=enough, increment=INCREMENT) == 5
    assert POOL.affordable(3, spare=Drops(enough - 1), increment=INCREMENT) == 4
    assert POOL.affordable(3, spare=Drops(-1), increment=INCREMENT) == 0


@given(st.integers(0, 250), st.integers(0, 250), st.integers(0, 300), st.integers(0, 10**9))
def test_pool_never_grows_beyond_its_size(size: int, low: int, held: int, spare: int) -> None:
    """Whatever is held, and however rich the account."""
    made = TicketPool(size=size, low_water=low).affordable(
        held, spare=Drops(spare), increment=INCREMENT
    )
    assert made == 0 or held + made <= size


def test_transaction_makes_tickets_and_nothing_else() -> None:
    """Every field is one that the signer has spelt out."""
    made = ticket_transaction(
        account=Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"),
        count=5,
        fee=Drops(10),
        seat=Seat(7),
        last_ledger=LedgerIndex(108),
        network_id=21_338,
    )
    assert made == {
        "TransactionType": "TicketCreate",
        "Account": "rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD",
        "TicketCount": 5,
        "Fee": "10",
        "Sequence": 7,
        "LastLedgerSequence": 108,
        "NetworkID": 21_338,
    }
