"""The rights: their order, what is said of each, and what a key is told by."""

from __future__ import annotations

from tests.keys.conftest import ED25519_ACCOUNT, SECP256K1_ACCOUNT
from watchtower.keys.authority import WORTH, Right, right_of
from watchtower.keys.vault import Vault


def test_the_least_dangerous_right_is_preferred() -> None:
    """What a thief could do with it grows along the order, and the master key comes last."""
    assert list(Right) == [
        Right.PRESIGNED,
        Right.DELEGATED,
        Right.SIGNER_LIST,
        Right.REGULAR_KEY,
        Right.MASTER_KEY,
    ]


def test_of_every_right_is_said_what_it_is_worth_to_a_thief() -> None:
    """In whole sentences, none of them the same as another's."""
    sentences = [sentence for right in Right for sentence in WORTH[right]]

    assert all(sentence.endswith(".") and sentence[0].isupper() for sentence in sentences)
    assert len(set(sentences)) == 3 * len(Right)
    assert all(right.words for right in Right)


async def test_a_master_key_is_told_by_its_own_address(vault: Vault) -> None:
    """Whatever it was called when it was imported."""
    for account, other in (
        (SECP256K1_ACCOUNT, ED25519_ACCOUNT),
        (ED25519_ACCOUNT, SECP256K1_ACCOUNT),
    ):
        key = await vault.key_of(account)

        assert right_of(account, key.public_key) is Right.MASTER_KEY
        assert right_of(other, key.public_key) is Right.REGULAR_KEY
