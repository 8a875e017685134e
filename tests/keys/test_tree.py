"""Every key has its place in the tree, and what lies outside is refused in one sentence."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.errors import DerivationPathError
from watchtower.keys.tree import HARDENED, KeyPath, Purpose, parse_path


@pytest.mark.parametrize(
    ("text", "purpose", "index", "wallet"),
    [
        ("m/44'/144'/0'/0/0", Purpose.FUNDING, 0, 0),
        ("m/44'/144'/7'/0/12", Purpose.FUNDING, 12, 7),
        ("m/44'/144'/0'/1'/3'", Purpose.CLAIM, 3, 0),
        ("m/44h/144H/0'/2h/2147483647H", Purpose.DISPUTE, 2**31 - 1, 0),
    ],
)
def test_paths_are_read(text: str, purpose: Purpose, index: int, wallet: int) -> None:
    """With either mark of a hardened step."""
    path = parse_path(text)
    assert (path.purpose, path.index, path.wallet) == (purpose, index, wallet)
    assert str(path) == text.replace("h", "'").replace("H", "'")


def test_all_steps_of_ed25519_are_hardened() -> None:
    """SLIP-0010 has no others, so the wallets' own place is none there."""
    assert str(KeyPath(purpose=Purpose.FUNDING, index=4, is_ed25519=True)) == "m/44'/144'/0'/0'/4'"
    with pytest.raises(DerivationPathError, match="hardened"):
        parse_path("m/44'/144'/0'/0/4", is_ed25519=True)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "not written as a path"),
        ("44'/144'/0'/0/0", "not written as a path"),
        ("m/44'/144'/0'/0/-1", "not written as a path"),
        ("m/44'/144'/0'/0/0\n", "not written as a path"),
        ("m/٤٤'/144'/0'/0/0", "not written as a path"),
        ("m", "0 steps"),
        ("m/44'/144'/0'", "3 steps"),
        ("m/44'/144'/0'/0/0/0", "6 steps"),
        ("m/44'/0'/0'/0/0", "XRP's place"),
        ("m/44/144'/0'/0/0", "XRP's place"),
        ("m/49'/144'/0'/0/0", "XRP's place"),
        ("m/44'/144'/0/0/0", "have to be hardened"),
        ("m/44'/144'/0'/0'/0", "have to be hardened"),
        ("m/44'/144'/0'/2/0", "have to be hardened"),
        ("m/44'/144'/0'/2'/0", "have to be hardened"),
        ("m/44'/144'/0'/3'/0'", "no keys on that branch"),
        ("m/44'/144'/0'/2147483650/0", "have to be hardened"),
        ("m/44'/144'/0'/2'/2147483648'", "have to be hardened"),
        ("m/44'/144'/9999999999'/0/0", "numbers go from"),
    ],
)
def test_a_path_outside_the_tree_is_refused(text: str, why: str) -> None:
    """One sentence: what is wrong, and what a path of the tree looks like."""
    with pytest.raises(DerivationPathError, match=why) as caught:
        parse_path(text)
    assert "m/44'/144'/WALLET'/" in str(caught.value)


@given(st.text(alphabet="m/0123456789'hH-x ", max_size=40))
def test_whatever_is_read_is_in_the_tree(text: str) -> None:
    """Nothing else is taken, and nothing is taken for something else."""
    try:
        path = parse_path(text)
    except DerivationPathError:
        return
    assert str(path) == text.replace("h", "'").replace("H", "'").replace("//", "/") or "0" in text
    assert parse_path(str(path)) == path


def test_numbers_beyond_a_step_are_refused() -> None:
    """Also where no text is read."""
    for index in (-1, HARDENED):
        with pytest.raises(DerivationPathError, match="from 0 to"):
            KeyPath(purpose=Purpose.DISPUTE, index=index)
    with pytest.raises(DerivationPathError, match="from 0 to"):
        KeyPath(purpose=Purpose.DISPUTE, index=HARDENED - 1).next()
