"""``PaymentChannelClaim`` as bytes and back, many times as fast as a codec for everything.

In a mass exit thousands of claims are signed between two ledgers, and xrpl-py's codec would be
where the time goes. This one knows one transaction: the fields below, in their canonical order
(rippled include/xrpl/protocol/detail/sfields.macro; STObject.cpp, add), amounts in XRP. Whatever
it returns is what xrpl-py's codec returns, byte for byte, which a property test holds over all
combinations of fields; what it does not know it refuses. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any, Final

from xrpl.core.addresscodec import decode_classic_address, encode_classic_address

from watchtower.units import MAX_DROPS

__all__ = ["claim_to_sign", "decode_claim", "encode_claim"]

_TO_SIGN: Final = b"STX\0"
"""What stands before a transaction that is signed (rippled HashPrefix.h, txSign)."""

_KIND: Final = "PaymentChannelClaim"
_KIND_NUMBER: Final = (15).to_bytes(2, "big")
_POSITIVE_XRP: Final = 1 << 62
_LARGEST_NUMBER: Final = 2**32 - 1
_ACCOUNT_BYTES: Final = 20
_CHANNEL_BYTES: Final = 32
_LONGEST_BLOB: Final = 192
"""Bytes whose length is told in one byte; no key and no signature is longer."""

_Read = Callable[[bytes, int], tuple[Any, int]]
_Write = Callable[[Any], bytes]


def encode_claim(fields: Mapping[str, Any]) -> bytes:
    """Return the bytes of a claim, signed or not.

    Raises:
        ValueError: it is no claim, or has a field or a value that stands in none.
    """
    return _written(fields, _WRITERS)


def claim_to_sign(fields: Mapping[str, Any]) -> bytes:
    """Return what the signature of a claim's transaction signs.

    Raises:
        ValueError: as `encode_claim`; what is not signed is not looked at.
    """
    return _TO_SIGN + _written(fields, _SIGNED_WRITERS)


def decode_claim(data: bytes) -> dict[str, Any]:
    """Return the fields of a claim, of which ``data`` is the one canonical form.

    Raises:
        ValueError: it is anything else.
    """
    fields: dict[str, Any] = {}
    at = 0
    for name, header, read in _READERS:
        if data.startswith(header, at):
            fields[name], at = read(data, at + len(header))
    if at != len(data) or "TransactionType" not in fields:
        raise ValueError("these are not the bytes of a claim")
    return fields


def _written(fields: Mapping[str, Any], writers: tuple[tuple[str, bytes, _Write], ...]) -> bytes:
    if fields.get("TransactionType") != _KIND or not fields.keys() <= _TABLE.keys():
        raise ValueError("this is no claim, or more than one")
    return b"".join(
        [header + write(fields[name]) for name, header, write in writers if name in fields]
    )


def _write_kind(_kind: Any) -> bytes:
    return _KIND_NUMBER


def _read_kind(data: bytes, at: int) -> tuple[str, int]:
    if data[at : at + 2] != _KIND_NUMBER:
        raise ValueError("another type of transaction")
    return _KIND, at + 2


def _write_number(value: Any) -> bytes:
    if type(value) is not int or not 0 <= value <= _LARGEST_NUMBER:
        raise ValueError("no number of 32 bits")
    return value.to_bytes(4, "big")


def _read_number(data: bytes, at: int) -> tuple[int, int]:
    return int.from_bytes(_taken(data, at, 4), "big"), at + 4


def _write_channel(value: Any) -> bytes:
    channel = _from_hex(value)
    if len(channel) != _CHANNEL_BYTES:
        raise ValueError("no channel id")
    return channel


def _read_channel(data: bytes, at: int) -> tuple[str, int]:
    return _taken(data, at, _CHANNEL_BYTES).hex().upper(), at + _CHANNEL_BYTES


def _write_drops(value: Any) -> bytes:
    if type(value) is not str or not (value.isascii() and value.isdigit()):
        raise ValueError("no drops")
    drops = int(value)
    if drops > MAX_DROPS:
        raise ValueError("more drops than there are")
    return (_POSITIVE_XRP | drops).to_bytes(8, "big")


def _read_drops(data: bytes, at: int) -> tuple[str, int]:
    drops = int.from_bytes(_taken(data, at, 8), "big") - _POSITIVE_XRP
    if not 0 <= drops <= MAX_DROPS:
        raise ValueError("no drops")
    return str(drops), at + 8


def _write_blob(value: Any) -> bytes:
    blob = _from_hex(value)
    if len(blob) > _LONGEST_BLOB:
        raise ValueError("longer than any key or signature")
    return bytes((len(blob),)) + blob


def _read_blob(data: bytes, at: int) -> tuple[str, int]:
    length = _taken(data, at, 1)[0]
    if length > _LONGEST_BLOB:
        raise ValueError("longer than any key or signature")
    return _taken(data, at + 1, length).hex().upper(), at + 1 + length


def _write_account(value: Any) -> bytes:
    if type(value) is not str:
        raise ValueError("no account")
    return _account(value)


@lru_cache(maxsize=1024)
def _account(value: str) -> bytes:
    account = decode_classic_address(value)
    if len(account) != _ACCOUNT_BYTES:
        raise ValueError("no account")
    return bytes((_ACCOUNT_BYTES,)) + account


def _read_account(data: bytes, at: int) -> tuple[str, int]:
    end = at + 1 + _ACCOUNT_BYTES
    if _taken(data, at, 1)[0] != _ACCOUNT_BYTES:
        raise ValueError("no account")
    return _address(_taken(data, at + 1, _ACCOUNT_BYTES)), end


@lru_cache(maxsize=1024)
def _address(account: bytes) -> str:
    return encode_classic_address(account)


def _from_hex(value: Any) -> bytes:
    if type(value) is not str:
        raise ValueError("no hexadecimal")
    return bytes.fromhex(value)


def _taken(data: bytes, at: int, length: int) -> bytes:
    taken = data[at : at + length]
    if len(taken) != length:
        raise ValueError("the bytes end too soon")
    return taken


_NUMBER: Final[tuple[_Write, _Read]] = _write_number, _read_number
_DROPS: Final[tuple[_Write, _Read]] = _write_drops, _read_drops
_BLOB: Final[tuple[_Write, _Read]] = _write_blob, _read_blob
_ACCOUNT: Final[tuple[_Write, _Read]] = _write_account, _read_account

_TABLE: Final[dict[str, tuple[bytes, tuple[_Write, _Read]]]] = {
    "TransactionType": (b"\x12", (_write_kind, _read_kind)),
    "NetworkID": (b"\x21", _NUMBER),
    "Flags": (b"\x22", _NUMBER),
    "Sequence": (b"\x24", _NUMBER),
    "LastLedgerSequence": (b"\x20\x1b", _NUMBER),
    "TicketSequence": (b"\x20\x29", _NUMBER),
    "Channel": (b"\x50\x16", (_write_channel, _read_channel)),
    "Amount": (b"\x61", _DROPS),
    "Balance": (b"\x62", _DROPS),
    "Fee": (b"\x68", _DROPS),
    "PublicKey": (b"\x71", _BLOB),
    "SigningPubKey": (b"\x73", _BLOB),
    "TxnSignature": (b"\x74", _BLOB),
    "Signature": (b"\x76", _BLOB),
    "Account": (b"\x81", _ACCOUNT),
    "Delegate": (b"\x8c", _ACCOUNT),
}
"""The fields in canonical order: by type, then by number within the type."""

_UNSIGNED: Final = ("TxnSignature", "Signature")
"""What the transaction's signature does not cover, so that anybody can strip it in flight."""

_WRITERS: Final = tuple((name, header, write) for name, (header, (write, _)) in _TABLE.items())
_SIGNED_WRITERS: Final = tuple(writer for writer in _WRITERS if writer[0] not in _UNSIGNED)
_READERS: Final = tuple((name, header, read) for name, (header, (_, read)) in _TABLE.items())
