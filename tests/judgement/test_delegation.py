"""Whether a claim may be sent in an account's name, as the ledger itself decides it."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.judgement.authority import alterations
from watchtower.judgement.delegation import CLAIMING, DelegationFault, delegation_fault
from watchtower.judgement.estate import Estate, Permitted, learn
from watchtower.judgement.rules import STRICT, ChannelRules, rules_of
from watchtower.ledger.events import AccountEntry, DelegationChanged, Position
from watchtower.sandbox.hashing import amendment_id
from watchtower.sandbox.people import Person
from watchtower.units import Drops, LedgerIndex, TxHash

PAYEE, TOWER = Person.named("payee").address, Person.named("tower").address
AT = Position(LedgerIndex(9), 0)
ON = rules_of({amendment_id("PermissionDelegationV1_1")})
OFF = rules_of(set())
FEE = Drops(10)
LATER = Position(LedgerIndex(10), 0)


def payee(*kinds: str) -> Estate:
    """The payee, who permits the tower so much."""
    permitted = Permitted(kinds=frozenset(kinds), at=AT, seen=False)
    return Estate(account=PAYEE, delegates={TOWER: permitted})


def tower(balance: int) -> Estate:
    """The tower's own account."""
    entry = AccountEntry(account=TOWER, balance=Drops(balance), sequence=1)
    return Estate(account=TOWER, entry=entry, as_of=AT)


@pytest.mark.parametrize(
    ("of_payee", "of_tower", "rules", "fault"),
    [
        (payee(CLAIMING), tower(10), ON, None),
        (payee(CLAIMING, "Payment"), None, ON, None),
        # There is no such entry without the amendment, whatever servers tell of amendments.
        (payee(CLAIMING), tower(10), STRICT, None),
        (payee(CLAIMING), tower(10), OFF, DelegationFault.AMENDMENT_OFF),
        (None, tower(10), ON, DelegationFault.UNKNOWN),
        (Estate(account=PAYEE), tower(10), ON, DelegationFault.UNKNOWN),
        (payee(), tower(10), ON, DelegationFault.NOT_PERMITTED),
        (payee("PaymentChannelFund"), tower(10), ON, DelegationFault.NOT_PERMITTED),
        (payee(CLAIMING), tower(9), ON, DelegationFault.NO_MONEY),
        (payee(CLAIMING), Estate(account=TOWER, as_of=AT), ON, DelegationFault.NO_TOWER),
    ],
)
def test_a_claim_is_sent_for_another_only_where_the_ledger_takes_it(
    of_payee: Estate | None,
    of_tower: Estate | None,
    rules: ChannelRules,
    fault: DelegationFault | None,
) -> None:
    """The amendment, the entry with the one permission, and money for the fee."""
    told = delegation_fault(of_payee, of_tower, delegate=TOWER, rules=rules, least_fee=FEE)
    assert told is fault
    assert fault is None or fault.sentence


@given(st.permutations(range(5)), st.lists(st.booleans(), min_size=5, max_size=5))
def test_what_is_permitted_depends_on_the_newest_place_and_not_on_the_order_of_hearing(
    order: list[int], given_in: list[bool]
) -> None:
    """Facts come late, twice, and from several servers."""
    facts = [
        DelegationChanged(
            account=PAYEE,
            delegate=TOWER,
            permissions=frozenset({CLAIMING} if has else ()),
            at=Position(LedgerIndex(index), 0),
        )
        for index, has in enumerate(given_in)
    ]
    estate: Estate | None = None
    for index in (*order, *order):
        estate = learn(estate, facts[index])
    assert estate is not None
    assert (CLAIMING in estate.delegates[TOWER].kinds) is given_in[-1]


def test_a_permission_that_is_given_or_taken_is_told_and_a_first_reading_is_not() -> None:
    """Also one that is given to somebody else: it may be a thief's."""
    thief = Person.named("thief").address
    seen = DelegationChanged(
        account=PAYEE,
        delegate=thief,
        permissions=frozenset({"Payment"}),
        at=AT,
        transaction=TxHash("A" * 64),
    )
    bare = Estate(account=PAYEE)
    robbed = learn(bare, seen)
    assert alterations(bare, robbed) == (f"{thief} may send Payment in its name now",)
    assert alterations(bare, learn(bare, replace(seen, transaction=None))) == ()
    lost = learn(payee(CLAIMING), replace(seen, delegate=TOWER, permissions=frozenset(), at=LATER))
    assert alterations(payee(CLAIMING), lost) == (f"{TOWER} may send nothing in its name now",)
    assert alterations(robbed, robbed) == ()
