"""Addresses and public keys in base 58, as the ledger writes them for people. Pure.

A text is a payload with a type in front and a checksum behind, in an alphabet of the ledger's own
(rippled src/libxrpl/protocol/tokens.cpp). Reading is strict, as the server's: one address has one
text, of exactly twenty bytes. Written here because it runs for every field of every transaction,
and because the library that has it takes longer to import than everything else in the sandbox.
"""

from __future__ import annotations

import hashlib
from functools import lru_cache
from typing import Final

__all__ = [
    "account_bytes",
    "account_key_bytes",
    "account_key_text",
    "address_text",
    "is_address",
    "payload_of",
    "text_of",
]

_ALPHABET: Final = "rpshnaf39wBUDNEGHJKLM4PQRST7VWXYZ2bcdeCg65jkm8oFqi1tuvAxyz"
_DIGITS: Final = {letter: digit for digit, letter in enumerate(_ALPHABET)}
_BASE: Final = len(_ALPHABET)
_CHECKSUM_BYTES: Final = 4
_LONGEST_TEXT: Final = 60

_ACCOUNT_ID: Final = b"\x00"
_ACCOUNT_KEY: Final = b"\x23"
_ACCOUNT_BYTES: Final = 20
_KEY_BYTES: Final = 33


@lru_cache(maxsize=1 << 17)
def account_bytes(address: str) -> bytes:
    """Return the 20 bytes of a classic address.

    Raises:
        ValueError: it is none.
    """
    return _decode(address, _ACCOUNT_ID, _ACCOUNT_BYTES)


@lru_cache(maxsize=1 << 17)
def address_text(account: bytes) -> str:
    """Return the classic address of 20 bytes; the same object for as long as it is remembered."""
    return text_of(_ACCOUNT_ID + account)


def is_address(text: object) -> bool:
    """Return whether ``text`` is a classic address with a good checksum."""
    if not isinstance(text, str):
        return False
    try:
        account_bytes(text)
    except ValueError:
        return False
    return True


@lru_cache(maxsize=1 << 17)
def account_key_text(key: bytes) -> str:
    """Return a public key of 33 bytes in the form that ``account_channels`` shows (``aB…``)."""
    return text_of(_ACCOUNT_KEY + key)


def account_key_bytes(text: str) -> bytes:
    """Return the 33 bytes of a public key in base 58.

    Raises:
        ValueError: it is none.
    """
    return _decode(text, _ACCOUNT_KEY, _KEY_BYTES)


def _checksum(payload: bytes) -> bytes:
    return hashlib.sha256(hashlib.sha256(payload).digest()).digest()[:_CHECKSUM_BYTES]


def text_of(payload: bytes) -> str:
    """Return a payload, with its type in front, as text with a checksum."""
    data = payload + _checksum(payload)
    number = int.from_bytes(data, "big")
    letters = []
    while number:
        number, digit = divmod(number, _BASE)
        letters.append(_ALPHABET[digit])
    zeros = len(data) - len(data.lstrip(b"\0"))
    return _ALPHABET[0] * zeros + "".join(reversed(letters))


def _decode(text: str, kind: bytes, length: int) -> bytes:
    payload = payload_of(text)
    if payload[: len(kind)] != kind or len(payload) != len(kind) + length:
        raise ValueError("another kind of text")
    return payload[len(kind) :]


def payload_of(text: str) -> bytes:
    """Return the payload of a text, with its type in front.

    Raises:
        ValueError: a letter is none, or the checksum is wrong.
    """
    if len(text) > _LONGEST_TEXT:
        raise ValueError("too long for an address or a key")
    number = 0
    for letter in text:
        digit = _DIGITS.get(letter)
        if digit is None:
            raise ValueError(f"{letter!r} is no letter of an address")
        number = number * _BASE + digit
    # Each zero byte in front is a letter of its own, so that no two texts are the same bytes.
    zeros = len(text) - len(text.lstrip(_ALPHABET[0]))
    data = bytes(zeros) + number.to_bytes((number.bit_length() + 7) // 8, "big")
    payload, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
    if checksum != _checksum(payload):
        raise ValueError("the checksum is wrong")
    return payload
