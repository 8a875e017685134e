"""The next key is the one behind the present one, of the same seed, or a random one."""

from __future__ import annotations

import pytest

from tests.keys.conftest import SECP256K1_ACCOUNT
from watchtower.errors import MnemonicError
from watchtower.keys.authority import Right, right_of
from watchtower.keys.derivation import derive
from watchtower.keys.next_key import fresh_key, next_of_tree
from watchtower.keys.tree import KeyPath, Purpose
from watchtower.keys.vault import Algorithm, KeyCard, card_of, key_of_derived

SEED, OTHER_SEED = bytes(range(64)), bytes(64)


def card(index: int, *, wallet: int = 0, kind: Algorithm = Algorithm.SECP256K1) -> KeyCard:
    """The card of a key of the dispute branch."""
    path = KeyPath(
        purpose=Purpose.DISPUTE,
        index=index,
        wallet=wallet,
        is_ed25519=kind is Algorithm.ED25519,
    )
    return card_of(key_of_derived(SECP256K1_ACCOUNT, derive(SEED, path)))


@pytest.mark.parametrize("algorithm", Algorithm)
def test_it_is_behind_the_present_one(algorithm: Algorithm) -> None:
    """In the same wallet, and for either curve."""
    present = card(4, wallet=2, kind=algorithm)
    key = next_of_tree(SEED, SECP256K1_ACCOUNT, present, algorithm=algorithm)
    assert key.path == "m/44'/144'/2'/2'/5'"
    assert card_of(key) == card(5, wallet=2, kind=algorithm)


def test_behind_a_key_of_no_tree_it_is_the_first() -> None:
    """A seed was imported, or a fresh key: nothing that the mnemonic could be held against."""
    fresh = card_of(fresh_key(SECP256K1_ACCOUNT, Algorithm.SECP256K1))
    for present in (None, fresh):
        key = next_of_tree(SEED, SECP256K1_ACCOUNT, present, algorithm=Algorithm.SECP256K1)
        assert card_of(key) == card(0)


def test_a_mnemonic_that_does_not_make_the_present_key_makes_no_next_one() -> None:
    """Any passphrase makes a seed, also a mistyped one; with an index it is meant so."""
    with pytest.raises(MnemonicError, match="does not make the present key"):
        next_of_tree(OTHER_SEED, SECP256K1_ACCOUNT, card(0), algorithm=Algorithm.SECP256K1)
    key = next_of_tree(
        OTHER_SEED, SECP256K1_ACCOUNT, card(0), algorithm=Algorithm.SECP256K1, index=7
    )
    assert key.path == "m/44'/144'/0'/2'/7'"


@pytest.mark.parametrize("algorithm", Algorithm)
def test_a_fresh_key_is_random_and_a_regular_key(algorithm: Algorithm) -> None:
    """It has no place, and nobody else has it."""
    made = [fresh_key(SECP256K1_ACCOUNT, algorithm) for _ in range(4)]
    assert len({key.private_key for key in made}) == 4
    for key in made:
        assert card_of(key).algorithm is algorithm
        assert key.is_regular_key
        assert key.path is None
        assert right_of(SECP256K1_ACCOUNT, key.public_key) is Right.REGULAR_KEY
