"""What is noted of an account is what was known of who may sign for it."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from watchtower.judgement.authority import authority_fault
from watchtower.judgement.estate import Estate
from watchtower.ledger.events import AccountEntry, Position, SignerList
from watchtower.sandbox.people import Person
from watchtower.tower.noted_accounts import noted, recalled
from watchtower.units import Drops, LedgerIndex

PEOPLE = [Person.named(name) for name in ("a payee", "a key", "another")]
ACCOUNT = PEOPLE[0].address
AT = Position(LedgerIndex(9), 1)
addresses = st.sampled_from([person.address for person in PEOPLE])

estates = st.builds(
    Estate,
    account=st.just(ACCOUNT),
    as_of=st.one_of(st.none(), st.just(AT)),
    entry=st.one_of(
        st.none(),
        st.builds(
            AccountEntry,
            account=st.just(ACCOUNT),
            balance=st.integers(0, 10**9).map(Drops),
            sequence=st.integers(1, 2**31),
            flags=st.sampled_from([0, 0x00100000, 0x01100000]),
            regular_key=st.one_of(st.none(), addresses),
        ),
    ),
    signers=st.one_of(
        st.none(),
        st.builds(
            SignerList,
            quorum=st.integers(1, 9),
            signers=st.lists(st.tuples(addresses, st.integers(1, 3))).map(tuple),
        ),
    ),
    signers_at=st.one_of(st.none(), st.just(AT)),
)


@given(estate=estates, key=st.sampled_from([person.public_key for person in PEOPLE]))
def test_a_key_is_judged_by_the_note_as_by_the_account(estate: Estate, key: str) -> None:
    """Also after the note was written and read."""
    note = noted(estate)
    read = recalled(ACCOUNT, None if note is None else json.loads(json.dumps(note)))

    assert authority_fault(read, key) == authority_fault(estate, key)
    if read is not None:
        assert read.signers == estate.signers
        assert (read.signers_at is None) == (estate.signers_at is None)
        assert noted(read) == note
