"""Family seeds: the keys that xrpl-py derives, for both kinds."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xrpl.constants import CryptoAlgorithm
from xrpl.core import keypairs

from watchtower.sandbox.family_seed import keys_of, seed_text

GOOD = "snoPBrXtMeMyMHUVTgbuqAfg1SUTb"


@given(st.binary(min_size=16, max_size=16), st.booleans())
def test_keys_are_those_that_xrpl_py_derives(entropy: bytes, ed25519: bool) -> None:  # noqa: FBT001 - drawn
    """From the same sixteen bytes the same seed, and from it the same two keys."""
    algorithm = CryptoAlgorithm.ED25519 if ed25519 else CryptoAlgorithm.SECP256K1
    seed = keypairs.generate_seed(entropy.hex(), algorithm)
    public, private = keypairs.derive_keypair(seed, algorithm=algorithm)

    assert seed_text(entropy, ed25519=ed25519) == seed
    # xrpl-py puts a byte in front of the private key: 00, or ED.
    assert keys_of(seed) == (bytes.fromhex(public), bytes.fromhex(private)[1:])


@pytest.mark.parametrize("seed", ["", GOOD[:-1], "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh", "s" * 29])
def test_what_is_no_seed_is_refused(seed: str) -> None:
    """Cut, of another kind, or with a wrong checksum."""
    assert keys_of(GOOD)

    with pytest.raises(ValueError, match=r"checksum|seed|letter"):
        keys_of(seed)
