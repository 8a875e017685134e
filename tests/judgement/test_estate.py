"""Estates: what facts about an account lead to, in whatever order they come."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.judgement.estate import Estate, learn
from watchtower.ledger.events import (
    END_OF_LEDGER,
    AccountChanged,
    AccountEntry,
    AccountFact,
    AccountMissing,
    LedgerClosed,
    Position,
    SignerList,
    SignerListChanged,
    TicketsChanged,
    TicketsHeld,
)
from watchtower.units import Address, Drops, LedgerIndex, RippleTime, TxHash

PAYEE = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
SOMEBODY = Address("rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK")


def place(ledger: int, transaction: int = END_OF_LEDGER) -> Position:
    """A place in history."""
    return Position(LedgerIndex(ledger), transaction)


def root(ledger: int, **changes: int) -> AccountChanged:
    """The account was read in ``ledger``."""
    facts = {"balance": 5_000_000, "sequence": ledger, **changes}
    entry = AccountEntry(account=PAYEE, **facts)  # type: ignore[arg-type]  # drops are numbers
    return AccountChanged(entry=entry, at=place(ledger))


def changed(ledger: int, *, created: set[int] | None = None, used: int = 0) -> TicketsChanged:
    """A transaction of ``ledger`` made tickets, and used one."""
    return TicketsChanged(
        account=PAYEE,
        created=frozenset(created or ()),
        used=frozenset({used} if used else ()),
        at=place(ledger, 0),
        transaction=TxHash(f"{ledger:064X}"),
    )


def held(ledger: int, *tickets: int) -> TicketsHeld:
    """All the tickets that ``ledger`` has at its end."""
    return TicketsHeld(account=PAYEE, tickets=frozenset(tickets), at=place(ledger))


def after(*facts: AccountFact) -> Estate:
    """The estate that facts lead to."""
    estate = None
    for fact in facts:
        estate = learn(estate, fact)
    assert estate is not None
    return estate


def test_a_ticket_made_while_the_list_was_read_is_not_lost() -> None:
    """The list is of an older ledger than the transaction that was told before it."""
    assert after(changed(11, created={40, 41}), held(10, 7)).tickets == (7, 40, 41)


def test_a_ticket_used_while_the_list_was_read_does_not_come_back() -> None:
    """A claim on it could never apply."""
    assert after(changed(11, used=7), held(10, 7, 8)).tickets == (8,)


def test_a_ticket_that_was_used_before_it_was_seen_to_be_made_is_gone() -> None:
    """History may tell the making after the stream told the use."""
    assert after(changed(12, used=40), changed(11, created={40, 41})).tickets == (41,)


def test_what_no_list_shows_any_more_is_not_remembered() -> None:
    """Uses older than the newest list take no memory."""
    estate = after(held(10, 7), changed(11, used=7), held(12))
    assert estate.ticket_book.used == {}
    assert estate.tickets == ()


def test_spendable_is_above_the_base_and_the_objects_reserve() -> None:
    """Each object that the account owns holds part of its XRP back."""
    ledger = LedgerClosed(
        ledger_index=LedgerIndex(9),
        ledger_hash="0" * 64,
        close_time=RippleTime(0),
        base_fee=Drops(10),
        reserve_base=Drops(1_000_000),
        reserve_increment=Drops(200_000),
    )
    assert after(root(9, balance=5_000_000, owner_count=3)).spendable(ledger) == 3_400_000
    assert after(root(9, balance=1_100_000, owner_count=3)).spendable(ledger) == 0
    assert after(AccountMissing(account=PAYEE, at=place(9))).spendable(ledger) == 0


def test_an_account_is_missing_only_once_a_ledger_said_so() -> None:
    """Unknown is not gone: nobody may be alarmed for want of an answer."""
    assert not after(held(9, 1)).is_missing
    gone = after(root(9), AccountMissing(account=PAYEE, at=place(10)))
    assert gone.is_missing
    assert gone.sequence is None
    assert not learn(gone, root(11)).is_missing


LIFE: tuple[AccountFact, ...] = (
    root(10),
    held(10, 7, 8),
    SignerListChanged(account=PAYEE, signers=None, at=place(10)),
    changed(11, created={40, 41}),
    root(11, ticket_count=4),
    changed(12, used=7),
    held(12, 8, 40, 41),
    SignerListChanged(
        account=PAYEE,
        signers=SignerList(quorum=1, signers=((SOMEBODY, 1),)),
        at=place(13, 2),
        transaction=TxHash("B" * 64),
    ),
    changed(14, used=41),
    changed(15, created={50}),
    root(15, balance=1),
)
"""What one honest ledger told of an account."""


@given(st.permutations(LIFE), st.lists(st.sampled_from(LIFE)))
def test_order_and_repetition_of_facts_change_nothing(
    disordered: list[AccountFact], again: list[AccountFact]
) -> None:
    """Late, repeated and disordered facts lead to the same estate."""
    known, expected = after(*disordered, *again), after(*LIFE)
    assert (known.entry, known.signers, known.tickets) == (
        expected.entry,
        expected.signers,
        (8, 40, 50),
    )
