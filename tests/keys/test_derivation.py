"""Seeds make the keys that BIP-32 and SLIP-0010 say, and the addresses that wallets show."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from slip10 import SLIP10

from tests.keys.vectors import vectors
from watchtower.keys.derivation import derive, derive_steps
from watchtower.keys.mnemonic import read_mnemonic
from watchtower.keys.tree import HARDENED, KeyPath, Purpose, parse_path

SEED = bytes(range(64))
paths = st.builds(
    KeyPath,
    purpose=st.sampled_from(Purpose),
    index=st.integers(0, HARDENED - 1),
    wallet=st.integers(0, HARDENED - 1),
    is_ed25519=st.booleans(),
)


def steps_of(path: str) -> list[int]:
    """The numbers of a path of the vectors, which need not be in the tree."""
    return [
        int(step.rstrip("'")) + (HARDENED if step.endswith("'") else 0)
        for step in path.split("/")[1:]
    ]


@pytest.mark.parametrize("vector", vectors("bip32")["valid"], ids=lambda vector: vector["seed"][:8])
def test_the_vectors_of_bip_32(vector: dict[str, Any]) -> None:
    """1 to 4, those with leading zeros among them: private and public keys."""
    seed = bytes.fromhex(vector["seed"])
    for told in vector["chain"]:
        private, public = derive_steps(seed, steps_of(told["path"]), is_ed25519=False)
        wanted = SLIP10.from_xpriv(told["xprv"])
        assert (private, public) == (wanted.privkey, wanted.pubkey.hex().upper())
        assert SLIP10.from_xpub(told["xpub"]).pubkey == wanted.pubkey
        assert SLIP10.from_seed(seed).get_xpriv_from_path(steps_of(told["path"])) == told["xprv"]
        assert SLIP10.from_seed(seed).get_xpub_from_path(steps_of(told["path"])) == told["xpub"]


@pytest.mark.parametrize("text", vectors("bip32")["invalid"], ids=lambda text: text[-8:])
def test_the_invalid_keys_of_bip_32_are_refused(text: str) -> None:
    """Vector 5. We take no extended keys at all; it is the library that is held to it."""
    read = SLIP10.from_xpriv if text.startswith("xprv") else SLIP10.from_xpub
    with pytest.raises(ValueError, match=r"."):
        read(text)


@pytest.mark.parametrize("vector", vectors("slip10_ed25519"), ids=lambda vector: vector["seed"][:8])
def test_the_vectors_of_slip_0010(vector: dict[str, Any]) -> None:
    """For ed25519, whose public keys the ledger writes with ED for the byte of zeros."""
    for told in vector["chain"]:
        private, public = derive_steps(
            bytes.fromhex(vector["seed"]), steps_of(told["path"]), is_ed25519=True
        )
        assert private.hex() == told["private"]
        assert public == f"ED{told['public'][2:].upper()}"


def test_the_first_key_is_the_one_that_wallets_of_the_ledger_make() -> None:
    """At m/44'/144'/0'/0/0, where all of them begin."""
    for vector in vectors("xrpl"):
        path = parse_path(vector["path"])
        assert path == KeyPath(purpose=Purpose.FUNDING, index=0)
        key = derive(read_mnemonic(vector["words"]).seed(), path)
        assert key.public_key == vector["public"]
        assert key.private_key.hex().upper() == vector["private"]


@given(paths, st.binary(min_size=64, max_size=64))
def test_the_same_seed_and_place_make_the_same_key(path: KeyPath, seed: bytes) -> None:
    """On any machine, after any restart; and its neighbour is another one."""
    key = derive(seed, path)
    assert derive(seed, parse_path(str(path), is_ed25519=path.is_ed25519)) == key
    assert key.public_key.startswith("ED") == path.is_ed25519
    if path.index < HARDENED - 1:
        assert derive(seed, path.next()).public_key != key.public_key


def test_branches_share_no_keys() -> None:
    """Funding, claim-signing and dispute keys are different keys (rule 10)."""
    keys = [
        derive(SEED, KeyPath(purpose=purpose, index=index, wallet=wallet, is_ed25519=kind))
        for purpose in Purpose
        for index in range(3)
        for wallet in range(2)
        for kind in (False, True)
    ]
    assert len({key.public_key for key in keys}) == len({key.address for key in keys}) == len(keys)


def test_a_stolen_key_of_the_tower_gives_nothing_else_away() -> None:
    """Its steps are hardened, so no extended public key leads to it, or from it to the others."""
    for purpose in (Purpose.CLAIM, Purpose.DISPUTE):
        path = KeyPath(purpose=purpose, index=5)
        assert all(step >= HARDENED for step in path.steps)


def test_a_step_of_ed25519_that_is_not_hardened_makes_no_key() -> None:
    """And what is said of it holds no secret."""
    with pytest.raises(ValueError, match="no key of that curve") as caught:
        derive_steps(SEED, [1], is_ed25519=True)
    assert caught.value.__context__ is None


def test_a_derived_key_does_not_show_its_secret() -> None:
    """Whoever logs it by mistake logs its public half."""
    key = derive(SEED, KeyPath(purpose=Purpose.DISPUTE, index=0))
    assert key.private_key.hex() not in repr(key)
    assert repr(key.private_key) not in repr(key)
