"""Whom the ledger did not take together: who is tried instead, and when all are tried anew."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.keys.cosign_refused import NOTHING_REFUSED, is_of_signers, why_unfit
from watchtower.keys.multisign import most_signatures, quorum_of
from watchtower.ledger.events import AccountEntry, SignerList
from watchtower.sandbox.people import Person
from watchtower.units import Address, Drops

PEOPLE = tuple(Person.named(f"signer {number}") for number in range(5))
A, B, C, D, E = (one.address for one in PEOPLE)
KEYS = {one.address: one.public_key for one in PEOPLE}
TWO_OF_THREE = SignerList(quorum=2, signers=((A, 1), (B, 1), (C, 1)))


def keys(*accounts: Address) -> dict[Address, str]:
    """Who signed together."""
    return {account: KEYS[account] for account in accounts}


def root(account: Address, *, flags: int = 0, regular_key: Address | None = None) -> AccountEntry:
    """A signer's account."""
    return AccountEntry(
        account=account, balance=Drops(1), sequence=1, flags=flags, regular_key=regular_key
    )


def test_each_pair_of_three_is_tried_before_one_comes_again() -> None:
    """Also the one without us: nobody knows who it is that the ledger does not take."""
    tried: list[frozenset[Address]] = []
    refused = NOTHING_REFUSED
    while picked := quorum_of((A, B, C), TWO_OF_THREE, refused.avoided):
        tried.append(frozenset(picked))
        refused = refused.adding(TWO_OF_THREE, keys(*picked))
    assert len(tried) == 3
    assert set(tried) == {frozenset({A, B}), frozenset({A, C}), frozenset({B, C})}


def test_the_account_of_a_signer_tells_that_it_is_the_one() -> None:
    """So that the others are not put aside for it."""
    refused = NOTHING_REFUSED.adding(TWO_OF_THREE, keys(A, B))
    refused = refused.seeing(A, None).seeing(B, root(B, flags=0x00100000, regular_key=C))
    assert frozenset({B}) in refused.avoided
    assert "master key, which was disabled" in refused.sentence()
    assert A not in refused.unfit


@pytest.mark.parametrize(
    ("entry", "public_key", "because"),
    [
        (None, KEYS[A], None),
        (root(A), KEYS[A], None),
        (root(A, flags=0x00100000), KEYS[A], "was disabled"),
        (root(A, regular_key=B), KEYS[B], None),
        (root(A, flags=0x00100000, regular_key=B), KEYS[B], None),
        (root(A, regular_key=C), KEYS[B], "neither"),
        (root(A), KEYS[B], "neither"),
        (None, KEYS[B], "is not in the ledger"),
    ],
)
def test_a_signer_is_unfit_as_the_ledger_has_it(
    entry: AccountEntry | None, public_key: str, because: str | None
) -> None:
    """As checkMultiSign looks at each signer (rippled Transactor.cpp)."""
    why = why_unfit(A, public_key, entry)
    assert (why is None) if because is None else (because in (why or ""))


def test_all_are_tried_anew_when_the_list_changes() -> None:
    """Another weight is another list."""
    refused = NOTHING_REFUSED.adding(TWO_OF_THREE, keys(A, B))
    assert refused.under(TWO_OF_THREE, {}) is refused
    other = replace(TWO_OF_THREE, signers=((A, 1), (B, 2), (C, 1)))
    assert refused.under(other, {}) == NOTHING_REFUSED


def test_all_are_tried_anew_when_the_root_of_one_of_them_changes() -> None:
    """A regular key that is set back, or a master key that is enabled, is not waited for."""
    refused = NOTHING_REFUSED.adding(TWO_OF_THREE, keys(A, B))
    seen = refused.seeing(B, root(B, flags=0x00100000, regular_key=C))
    assert seen.seeing(B, root(B, flags=0x00100000, regular_key=C)).avoided == seen.avoided
    mended = seen.seeing(B, root(B, regular_key=C))
    assert mended.avoided == ()
    assert mended.unfit == {}


def test_all_are_tried_anew_when_a_key_in_the_configuration_changes() -> None:
    """The key that the ledger did not take does not sign any more."""
    refused = NOTHING_REFUSED.adding(TWO_OF_THREE, keys(A, B))
    assert refused.under(TWO_OF_THREE, {**KEYS, B: KEYS[D]}).avoided == ()
    assert refused.under(TWO_OF_THREE, KEYS).avoided == refused.avoided


def test_results_that_say_nothing_about_signers_put_nobody_aside() -> None:
    """Nor what is wrong with the fee, or with a list that is gone."""
    assert is_of_signers("tefBAD_SIGNATURE")
    assert is_of_signers("telINSUF_FEE_P, tefMASTER_DISABLED")
    assert not is_of_signers("tefNOT_MULTI_SIGNING")
    assert not is_of_signers("")


_SUBSETS = st.frozensets(st.sampled_from([A, B, C, D, E]), min_size=1)


@given(
    weights=st.lists(st.integers(1, 4), min_size=5, max_size=5),
    quorum=st.integers(1, 12),
    there=_SUBSETS,
    refused=st.lists(_SUBSETS, max_size=8),
)
def test_a_quorum_is_enough_avoids_who_was_refused_and_costs_no_more_than_was_planned(
    weights: list[int], quorum: int, there: frozenset[Address], refused: list[frozenset[Address]]
) -> None:
    """The rule at large; the fee was made for the most signatures that it can take."""
    signers = SignerList(quorum=quorum, signers=tuple(zip((A, B, C, D, E), weights, strict=True)))
    picked = quorum_of(there, signers, refused)
    most = most_signatures(there, signers)
    if picked is None:
        assert most is None or refused
        return
    assert set(picked) <= there
    assert sum(dict(signers.signers)[one] for one in picked) >= quorum
    assert not any(together <= set(picked) for together in refused)
    assert most is not None
    assert len(picked) <= most
