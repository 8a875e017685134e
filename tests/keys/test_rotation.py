"""What is next in a rotation follows from the store and the ledger, wherever it was killed."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from watchtower.keys.rotation import (
    Appointment,
    NextStep,
    Rotation,
    Seen,
    Stage,
    may_still_apply,
    next_step,
    why_not_appoint,
)
from watchtower.units import Address, LedgerIndex, TxHash

ACCOUNT, OLD, NEW, OTHER = map(Address, ("rAccount", "rOld", "rNew", "rOther"))
LEDGERS = st.integers(1, 40).map(LedgerIndex)

appointments = st.builds(
    Appointment,
    transaction=st.just(TxHash("AA")),
    blob=st.just("00"),
    sequence=st.integers(1, 40),
    last_ledger=LEDGERS,
)
rotations = st.builds(
    Rotation,
    account=st.just(ACCOUNT),
    new_key=st.just("02"),
    new_address=st.just(NEW),
    replaced=st.sampled_from((None, OLD)),
    stage=st.sampled_from(Stage),
    appointment=st.one_of(st.none(), appointments),
    named_in=st.one_of(st.none(), LEDGERS),
)
sights = st.builds(
    Seen,
    ledger_index=LEDGERS,
    regular_key=st.sampled_from((None, OLD, NEW, OTHER)),
    sequence=st.integers(1, 40),
    is_master_disabled=st.booleans(),
    is_contradicted=st.booleans(),
)


@given(rotations, sights)
def test_the_old_key_is_given_up_only_when_the_ledger_names_the_new_one(
    rotation: Rotation, seen: Seen
) -> None:
    """And only behind the step that wrote that down."""
    is_named = seen.regular_key == NEW and not seen.is_contradicted
    concludes = next_step(rotation, seen) is NextStep.CONCLUDE
    assert concludes == (rotation.stage is Stage.VALIDATED and is_named)
    if next_step(rotation, seen) is NextStep.NOTE_VALIDATED:
        assert is_named


@given(rotations, sights)
def test_nothing_is_signed_while_something_signed_may_still_apply(
    rotation: Rotation, seen: Seen
) -> None:
    """Two of them would cost two fees, and one could come back after it was given up."""
    step = next_step(rotation, seen)
    if may_still_apply(rotation, seen):
        assert step in {NextStep.SEND, NextStep.NOTE_VALIDATED}
    if step is NextStep.SIGN:
        assert seen.regular_key != NEW
        assert not seen.is_contradicted
        assert rotation.stage in {Stage.PENDING, Stage.SIGNED}


@given(rotations, sights)
def test_every_rotation_has_a_next_step_until_it_is_done(rotation: Rotation, seen: Seen) -> None:
    """And a done one has none, whatever the ledger says."""
    assert (next_step(rotation, seen) is NextStep.NOTHING) != rotation.is_under_way


@given(rotations, appointments, sights)
def test_a_rotation_comes_to_its_end_once_the_ledger_names_the_new_key(
    rotation: Rotation, appointment: Appointment, seen: Seen
) -> None:
    """From any stage, in two steps at most, and without a signature."""
    named = Seen(ledger_index=seen.ledger_index, regular_key=NEW, sequence=seen.sequence)
    steps = 0
    while rotation.is_under_way:
        step = next_step(rotation, named)
        if step is NextStep.NOTE_VALIDATED:
            rotation = rotation.validated(named.ledger_index)
        else:
            assert step is NextStep.CONCLUDE
            rotation = rotation.done()
        steps += 1
    assert steps <= 2
    assert rotation.signed(appointment).appointment == appointment


@given(appointments, sights)
def test_what_was_signed_may_apply_until_its_last_ledger_or_its_sequence_is_gone(
    appointment: Appointment, seen: Seen
) -> None:
    """Behind either it never can (rippled: tefMAX_LEDGER, tefPAST_SEQ)."""
    rotation = Rotation(account=ACCOUNT, new_key="02", new_address=NEW).signed(appointment)
    is_past = seen.ledger_index >= appointment.last_ledger
    is_used = seen.sequence > appointment.sequence
    assert may_still_apply(rotation, seen) == (not is_past and not is_used)


def test_a_new_key_that_was_replaced_in_its_turn_stops_the_rotation() -> None:
    """Somebody else named another key behind it: that is for a person to look at."""
    rotation = Rotation(account=ACCOUNT, new_key="02", new_address=NEW).validated(LedgerIndex(7))
    seen = Seen(ledger_index=LedgerIndex(9), regular_key=OTHER, sequence=5)
    assert next_step(rotation, seen) is NextStep.STOP


@given(st.sampled_from((ACCOUNT, OLD, NEW, OTHER)), sights)
def test_only_a_key_that_the_ledger_takes_may_name_another(signer: Address, seen: Seen) -> None:
    """As rippled has it: the regular key, or the master key unless it was disabled."""
    may = signer == seen.regular_key or (signer == ACCOUNT and not seen.is_master_disabled)
    assert (why_not_appoint(signer, ACCOUNT, seen) is None) == may
