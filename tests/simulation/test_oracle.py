"""What could have been saved: the oracle's demands, one by one."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from simulation import oracle
from simulation.oracle import Ahead, Entry, Ledger, Limits, Promise, Reckoning, Signer, reckon

LIMITS = Limits(lead=600, share=0.5, cap=1_000_000, room=2)
GOOD = Ledger(close_time=0, price=10, servers=frozenset({0, 1}), tower_able=True)
OPEN = Entry(amount=1_000, balance=0, expiration=None, cancel_after=None)


def ledgers(count: int, **changes: Ledger) -> list[Ledger]:
    """Ledgers four seconds apart, all good but for those that are given as ``l3=…``."""
    told = {int(name.removeprefix("l")): ledger for name, ledger in changes.items()}
    return [replace(told.get(n, GOOD), close_time=100 + 4 * n) for n in range(count)]


def entries(
    count: int, *, asked_in: int, end: int, gone_in: int | None = None
) -> list[Entry | None]:
    """A channel whose payer asks to close in a ledger; it leaves the ledger in another one."""
    closing = replace(OPEN, expiration=end)
    found: list[Entry | None] = [OPEN if n < asked_in else closing for n in range(count)]
    if gone_in is not None:
        found[gone_in:] = [None] * (count - gone_in)
    return found


def judged(
    history: Sequence[Ledger],
    entries_of: Sequence[Entry | None],
    *promises: Promise,
    paid: int = 0,
    limits: Limits = LIMITS,
) -> Reckoning:
    """The reckoning of one channel."""
    [reckoning] = reckon(history, {"c": entries_of}, {"c": paid}, {"c": promises}, limits)
    return reckoning


def test_claim_that_was_not_redeemed_in_three_good_ledgers_is_an_avoidable_loss() -> None:
    """Asked in ledger 2, with ledgers 3, 4 and 5 before the end."""
    found = judged(
        ledgers(12), entries(12, asked_in=2, end=121, gone_in=8), Promise(drops=700, kept_in=1)
    )
    assert (found.lost, found.avoidable, found.promised) == (700, 700, 700)


def test_two_good_ledgers_are_not_enough() -> None:
    """Ledger 3 and 4 can pay; ledger 5 opens at the end."""
    found = judged(
        ledgers(12), entries(12, asked_in=2, end=116, gone_in=8), Promise(drops=700, kept_in=1)
    )
    assert (found.lost, found.avoidable) == (700, 0)


def test_ledger_that_opens_at_the_very_end_can_not_pay() -> None:
    """A ledger judges by its parent's close time, and that has come to be the Expiration."""
    fourth = 100 + 4 * 4  # when ledger 4 closes, by which ledger 5 judges
    for end, owed in ((fourth + 1, 700), (fourth, 0)):
        found = judged(
            ledgers(12), entries(12, asked_in=2, end=end, gone_in=8), Promise(drops=700, kept_in=1)
        )
        assert found.owed == owed, end


@pytest.mark.parametrize(
    "bad",
    [
        replace(GOOD, tower_able=False),
        replace(GOOD, servers=frozenset()),
        replace(GOOD, price=351),
    ],
    ids=["the tower was off", "no honest server", "dearer than half of what is at stake"],
)
def test_one_bad_ledger_in_between_excuses(bad: Ledger) -> None:
    """The three have to be consecutive, and all of them good."""
    closing = entries(12, asked_in=2, end=124, gone_in=9)
    promise = Promise(drops=700, kept_in=1)
    assert judged(ledgers(12), closing, promise).owed == 700
    assert judged(ledgers(12, l4=bad), closing, promise).owed == 0


def test_three_ledgers_by_three_servers_in_turn_are_not_one_honest_server() -> None:
    """Whoever is only ever told a third of it cannot be asked to know it all."""
    servers = [replace(GOOD, servers=frozenset({n})) for n in range(3)]
    turns = ledgers(12, l3=servers[0], l4=servers[1], l5=servers[2], l6=servers[0])
    closing = entries(12, asked_in=2, end=121, gone_in=8)
    assert judged(turns, closing, Promise(drops=700, kept_in=1)).owed == 0


def test_claim_that_was_acknowledged_too_late_is_not_demanded() -> None:
    """In ledger 4, with three ledgers from 3 on and none of them behind it."""
    closing = entries(12, asked_in=2, end=121, gone_in=8)
    early, late = Promise(drops=300, kept_in=2), Promise(drops=700, kept_in=4)
    found = judged(ledgers(12), closing, early, late)
    assert (found.owed, found.promised) == (300, 700)
    assert judged(ledgers(12), closing, early, late, paid=300).avoidable == 0


def test_more_than_the_channel_holds_is_not_demanded() -> None:
    """A claim above the funds pays what there is."""
    closing = entries(12, asked_in=2, end=140, gone_in=11)
    found = judged(ledgers(12), closing, Promise(drops=5_000, kept_in=1))
    assert (found.owed, found.promised) == (1_000, 1_000)


def test_cancel_after_presses_from_the_operators_lead_on() -> None:
    """Before that nothing says that the payee wants its money now."""
    ending: list[Entry | None] = [replace(OPEN, cancel_after=800)] * 12
    promise = Promise(drops=700, kept_in=1)
    assert judged(ledgers(12), ending, promise).owed == 0
    near = replace(LIMITS, lead=690)
    assert judged(ledgers(12), ending, promise, limits=near).owed == 700


def test_close_request_that_is_taken_back_in_between_presses_no_more() -> None:
    """The payer renews in ledger 4; three ledgers of pressing there never were."""
    closing = entries(12, asked_in=2, end=140)
    closing[4:] = [OPEN] * 8
    assert judged(ledgers(12), closing, Promise(drops=700, kept_in=1)).owed == 0


def test_channel_that_has_not_ended_has_lost_nothing() -> None:
    """What is still to be had is not lost."""
    closing = entries(12, asked_in=2, end=10_000)
    found = judged(ledgers(12), closing, Promise(drops=700, kept_in=1))
    assert (found.owed, found.lost, found.avoidable) == (700, 0, 0)


def test_crowd_needs_more_ledgers_than_three() -> None:
    """Five channels press, and two fit into a ledger: that takes two ledgers more."""
    names = [f"c{n}" for n in range(5)]
    promises = {name: [Promise(drops=700, kept_in=1)] for name in names}
    for end, owed in ((121, 0), (129, 700)):
        closing = dict.fromkeys(names, entries(14, asked_in=2, end=end, gone_in=11))
        found = reckon(ledgers(14), closing, dict.fromkeys(names, 0), promises, LIMITS)
        assert [reckoning.owed for reckoning in found] == [owed] * 5, end


def test_nothing_is_demanded_of_a_tower_for_which_nobody_signs() -> None:
    """Nobody in one ledger of each three is nobody; and somebody else is not the same one."""
    closing = entries(12, asked_in=2, end=121, gone_in=8)
    promise = Promise(drops=700, kept_in=1)
    nobody = replace(GOOD, signers=frozenset())
    other = replace(GOOD, signers=frozenset({Signer(name="another key")}))
    for between in (nobody, other):
        assert judged(ledgers(12, l4=between), closing, promise).owed == 0
    both = replace(GOOD, signers=GOOD.signers | other.signers)
    assert judged(ledgers(12, l4=both), closing, promise).owed == 700


def test_several_signatures_cost_their_base_fees() -> None:
    """Three times the price of a ledger is above half of what is at stake, and once is not."""
    dear = replace(GOOD, price=200, signers=frozenset({Signer(name="three of them", units=3)}))
    history = ledgers(12, **{f"l{n}": dear for n in range(12)})
    closing = entries(12, asked_in=2, end=121, gone_in=8)
    promise = Promise(drops=700, kept_in=1)
    assert judged(history, closing, promise).owed == 0
    cheap = [replace(ledger, signers=GOOD.signers) for ledger in history]
    assert judged(cheap, closing, promise).owed == 700


SIGNED = Ahead(target=300, ticket=7, key="ED", fees=(12, 90))


def ahead(*signed: Ahead, price: int = 10) -> Ledger:
    """A ledger in which nobody signs, and something was signed ahead."""
    return replace(GOOD, price=price, signers=frozenset(), ahead={"c": frozenset(signed)})


def test_what_was_signed_ahead_is_owed_up_to_its_own_claim() -> None:
    """And to no more, though the payee holds a better one."""
    closing = entries(12, asked_in=2, end=140, gone_in=11)
    history = ledgers(12, **{f"l{n}": ahead(SIGNED) for n in range(12)})
    best = Promise(drops=700, kept_in=1)
    assert judged(history, closing, best).owed == 300
    # A key that stands by owes all of it.
    able = [replace(ledger, signers=GOOD.signers) for ledger in history]
    assert judged(able, closing, best).owed == 700


@pytest.mark.parametrize(
    ("between", "owed"),
    [
        (ahead(), 0),
        (ahead(replace(SIGNED, ticket=8)), 0),
        (ahead(SIGNED, replace(SIGNED, ticket=8)), 300),
        (ahead(SIGNED, price=91), 0),
        (ahead(SIGNED, price=90), 300),
    ],
    ids=["its ticket is burnt", "only the other one is there", "both", "too dear", "the highest"],
)
def test_what_was_signed_ahead_is_owed_while_its_ticket_and_its_fee_are_good(
    between: Ledger, owed: int
) -> None:
    """One and the same throughout: what was burnt, and what costs more, is not held against us."""
    told = {f"l{n}": between if n == 4 else ahead(SIGNED) for n in range(12)}
    closing = entries(12, asked_in=2, end=121, gone_in=8)
    assert judged(ledgers(12, **told), closing, Promise(drops=700, kept_in=1)).owed == owed


def test_oracle_knows_not_one_module_of_the_house() -> None:
    """What shares code with the tower shares its mistakes."""
    tree = ast.parse(Path(oracle.__file__).read_text(encoding="utf-8"))
    imported = {
        name
        for node in ast.walk(tree)
        for name in (
            [alias.name for alias in node.names]
            if isinstance(node, ast.Import)
            else [node.module or ""]
            if isinstance(node, ast.ImportFrom)
            else []
        )
    }
    assert imported == {"__future__", "collections.abc", "dataclasses", "math", "typing"}
