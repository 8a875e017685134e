"""Authority: whether the key we hold would be taken, as the ledger itself decides it."""

from __future__ import annotations

import pytest

from watchtower.judgement.authority import AuthorityFault, alterations, authority_fault
from watchtower.judgement.estate import Estate
from watchtower.ledger.events import AccountEntry, Position, SignerList
from watchtower.sandbox.people import Person
from watchtower.units import Address, Drops, LedgerIndex

PAYEE = Person.named("payee")
OTHER = Person.named("a regular key")
AT = Position(LedgerIndex(9), 0)
DISABLE_MASTER, DEPOSIT_AUTH = 0x00100000, 0x01000000


def estate(regular_key: Address | None = None, flags: int = 0) -> Estate:
    """The payee's account."""
    entry = AccountEntry(
        account=PAYEE.address,
        balance=Drops(5_000_000),
        sequence=4,
        flags=flags,
        regular_key=regular_key,
    )
    return Estate(account=PAYEE.address, entry=entry, as_of=AT, signers_at=AT)


@pytest.mark.parametrize(
    ("regular_key", "flags", "key", "fault"),
    [
        (None, 0, PAYEE, None),
        (None, 0, OTHER, AuthorityFault.NOT_ITS_KEY),
        (OTHER.address, 0, OTHER, None),
        (OTHER.address, 0, PAYEE, None),
        (OTHER.address, DISABLE_MASTER, OTHER, None),
        (OTHER.address, DISABLE_MASTER, PAYEE, AuthorityFault.MASTER_DISABLED),
        (None, DISABLE_MASTER, PAYEE, AuthorityFault.MASTER_DISABLED),
    ],
)
def test_a_key_signs_as_master_or_as_regular_key(
    regular_key: Address | None, flags: int, key: Person, fault: AuthorityFault | None
) -> None:
    """The order of the ledger's own questions (rippled Transactor.cpp, checkSingleSign)."""
    assert authority_fault(estate(regular_key, flags), key.public_key) == fault


def test_an_account_that_is_gone_signs_nothing_and_an_unknown_one_alarms_nobody() -> None:
    """Only a ledger can say that there is no account."""
    unknown = Estate(account=PAYEE.address)
    gone = Estate(account=PAYEE.address, as_of=AT)
    assert authority_fault(None, PAYEE.public_key) is None
    assert authority_fault(unknown, PAYEE.public_key) is None
    assert authority_fault(gone, PAYEE.public_key) is AuthorityFault.GONE


def test_each_alteration_is_told_in_words() -> None:
    """A key, a flag and a signer list, each once, and nothing where nothing changed."""
    plain = estate()
    altered = estate(OTHER.address, DEPOSIT_AUTH | DISABLE_MASTER)
    words = " ".join(alterations(plain, altered))
    assert OTHER.address in words
    assert "DepositAuth was set" in words
    assert "master key was disabled" in words
    assert "DepositAuth was cleared" in " ".join(alterations(altered, plain))
    assert alterations(plain, plain) == ()


def test_a_signer_list_is_an_alteration_only_where_there_was_known_to_be_none() -> None:
    """A first reading tells how things are, and alters nothing."""
    signers = SignerList(quorum=1, signers=((OTHER.address, 1),))
    known = estate()
    listed = Estate(account=PAYEE.address, signers=signers, signers_at=AT)
    assert OTHER.address in " ".join(alterations(known, listed))
    assert "removed" in " ".join(alterations(listed, known))
    assert alterations(Estate(account=PAYEE.address), listed) == ()
