"""Addresses and keys in base 58: exactly those that xrpl-py writes, and read more strictly."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from xrpl.core import addresscodec

from watchtower.sandbox.addresses import (
    account_bytes,
    account_key_bytes,
    account_key_text,
    address_text,
    is_address,
)

GENESIS = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"


@given(st.binary(min_size=20, max_size=20))
def test_an_address_is_the_one_that_xrpl_py_writes(account: bytes) -> None:
    """Also with zeros in front, which are letters of their own."""
    for payload in (account, bytes(3) + account[3:]):
        text = address_text(payload)

        assert text == addresscodec.encode_classic_address(payload)
        assert account_bytes(text) == payload


@given(st.binary(min_size=33, max_size=33))
def test_a_key_is_the_one_that_xrpl_py_writes(key: bytes) -> None:
    """The form that `account_channels` shows."""
    text = account_key_text(key)

    assert text == addresscodec.encode_account_public_key(key)
    assert account_key_bytes(text) == key


@given(st.text(alphabet="rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcde0OIl \n", max_size=40))
def test_what_is_no_address_is_none_here_either(text: str) -> None:
    """Nothing is taken that xrpl-py refuses."""
    assert not is_address(text) or addresscodec.is_valid_classic_address(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "r",
        GENESIS[:-1],
        GENESIS + " ",
        "r" + GENESIS,
        GENESIS.lower(),
        GENESIS[:-1] + "i",
        "é" * 30,
        "r" * 10_000,
        addresscodec.encode_account_public_key(bytes(33)),
        addresscodec.classic_address_to_xaddress(GENESIS, tag=None, is_test_network=False),
        None,
        7,
    ],
)
def test_what_looks_like_an_address_is_none(text: object) -> None:
    """Cut, padded, of another case, with a wrong checksum, of another kind, or no text at all."""
    assert not is_address(text)
    assert is_address(GENESIS)
