"""Whatever way a token writes a public key, it is read as the ledger writes it, or not at all."""

from __future__ import annotations

import pytest
from coincurve import PrivateKey
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from watchtower.keys.ec_point import ED25519, SECP256K1, public_key_of

SECRETS = st.binary(min_size=32, max_size=32).filter(lambda secret: secret > bytes(32))
P256 = bytes.fromhex("06082a8648ce3d030107")


@given(
    SECRETS.map(lambda secret: b"\x01" + secret[1:]), st.sampled_from([33, 65]), st.integers(0, 2)
)
def test_every_form_of_a_secp256k1_point_is_the_one_compressed_key(
    secret: bytes, size: int, wrapping: int
) -> None:
    """Wrapped as the standard has it, as a BIT STRING, or not; compressed or not."""
    key = PrivateKey(secret).public_key
    point = _wrapped(key.format(compressed=size == 33), wrapping)
    assert public_key_of(SECP256K1, point) == key.format().hex().upper()


@given(SECRETS, st.integers(0, 2), st.sampled_from([ED25519, b"\x13\x0cedwards25519"]))
def test_every_form_of_an_ed25519_point_has_its_prefix(
    secret: bytes, wrapping: int, parameters: bytes
) -> None:
    """By the identifier of the curve, and by its name."""
    key = SigningKey(secret).verify_key.encode()
    assert public_key_of(parameters, _wrapped(key, wrapping)) == f"ED{key.hex().upper()}"


@given(st.sampled_from([SECP256K1, ED25519, P256, b""]), st.binary(max_size=70))
def test_what_is_no_point_is_no_key(parameters: bytes, point: bytes) -> None:
    """Never an exception, and never a key that is longer or shorter than 33 bytes."""
    found = public_key_of(parameters, point)
    assert found is None or len(found) == 66


@pytest.mark.parametrize(
    ("parameters", "point"),
    [
        (P256, PrivateKey(b"\x01" * 32).public_key.format()),
        (SECP256K1, PrivateKey(b"\x01" * 32).public_key.format() + b"\x00"),
        (SECP256K1, b"\x04" + b"\xff" * 64),
        (SECP256K1, SigningKey(b"\x01" * 32).verify_key.encode()),
        (ED25519, bytes(32)),  # of small order
        (ED25519, b"\xff" * 32),
    ],
)
def test_another_curve_and_points_beside_it_are_refused(parameters: bytes, point: bytes) -> None:
    """Nothing that the ledger would not take as a key."""
    assert public_key_of(parameters, point) is None


def _wrapped(point: bytes, wrapping: int) -> bytes:
    if wrapping == 1:
        return b"\x04" + bytes((len(point),)) + point
    return b"\x03" + bytes((len(point) + 1, 0)) + point if wrapping else point
