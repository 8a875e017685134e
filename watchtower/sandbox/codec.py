"""Transactions as bytes: the plain ones by ourselves, all others by xrpl-py.

A transaction is *plain* if its fields are in the table below, with XRP for amounts, in the one
canonical form (rippled src/libxrpl/protocol/STObject.cpp, STAmount.cpp). That is nearly every one
of a channel's life, and takes some microseconds where xrpl-py takes half a millisecond. Anything
else, and anything that is wrong in any way, goes to xrpl-py and fares as it fares there; so what
this module returns is what xrpl-py would have returned, which a property test holds.

xrpl-py is imported when the first such transaction comes, and not before: importing it takes
longer than starting everything else.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol, cast

from watchtower.sandbox.addresses import account_bytes, address_text

__all__ = ["decode", "encode", "message_to_multisign", "message_to_sign", "read_plain"]

Fields = Mapping[str, Any]

_TO_SIGN: Final = b"STX\0"
_TO_MULTISIGN: Final = b"SMT\0"
"""Prefixes of what is signed (rippled include/xrpl/protocol/HashPrefix.h)."""

_POSITIVE_XRP: Final = 1 << 62
_ALL_DROPS: Final = 10**17
_LONGEST_SHORT_BLOB: Final = 192
"""Bytes whose length takes one byte; what is longer is not plain."""

_END_OF_OBJECT: Final = b"\xe1"
_END_OF_ARRAY: Final = b"\xf1"


class _NotPlainError(ValueError):
    """This is for xrpl-py."""


class _Reference(Protocol):
    """What is asked of xrpl-py's codec."""

    def encode(self, json: dict[str, Any]) -> str: ...
    def decode(self, buffer: str) -> dict[str, Any]: ...
    def encode_for_signing(self, json: dict[str, Any]) -> str: ...
    def encode_for_multisigning(self, json: dict[str, Any], signing_account: str) -> str: ...


def _reference() -> _Reference:
    return cast("_Reference", importlib.import_module("xrpl.core.binarycodec"))


def encode(fields: Fields) -> str:
    """Return the bytes of a transaction or any other object, upper-case hexadecimal."""
    try:
        return _write_object(fields).hex().upper()
    except ValueError:
        return _reference().encode(dict(fields))


def decode(blob: str) -> dict[str, Any]:
    """Return the fields of a transaction or any other object."""
    try:
        return read_plain(bytes.fromhex(blob))
    except (ValueError, RecursionError):
        return _reference().decode(blob)


def message_to_sign(fields: Fields) -> bytes:
    """Return what the one signature of a transaction signs."""
    try:
        return _TO_SIGN + _write_object(fields, signing=True)
    except ValueError:
        return bytes.fromhex(_reference().encode_for_signing(dict(fields)))


def message_to_multisign(fields: Fields, signer: str) -> bytes:
    """Return what one of several signers signs."""
    try:
        return _TO_MULTISIGN + _write_object(fields, signing=True) + account_bytes(signer)
    except ValueError:
        return bytes.fromhex(_reference().encode_for_multisigning(dict(fields), signer))


def read_plain(data: bytes) -> dict[str, Any]:
    """Return the fields of a plain transaction, whose bytes are then the only ones it has.

    Raises:
        ValueError: it is not plain, or nothing at all.
        RecursionError: it is memos within memos, which nobody sends in good faith.
    """
    fields, end = _read_object(data, 0)
    if end != len(data):
        raise _NotPlainError
    return fields


@dataclass(frozen=True, slots=True)
class _Field:
    """A field in the table; ``signed`` says whether signatures cover it."""

    name: str
    ordinal: int
    header: bytes
    read: Callable[[bytes, int], tuple[Any, int]]
    write: Callable[[Any], bytes]
    signed: bool


def _write_object(fields: Fields, *, signing: bool = False) -> bytes:
    parts = []
    for name, value in fields.items():
        field = _BY_NAME.get(name)
        if field is None:
            raise _NotPlainError
        if field.signed or not signing:
            parts.append((field.ordinal, field.header + field.write(value)))
    parts.sort()
    return b"".join([part for _, part in parts])


def _read_object(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    """Read fields in ascending order, until the bytes end or something that is no plain field."""
    fields: dict[str, Any] = {}
    last = -1
    while at < len(data):
        field = _BY_SHORT_HEADER.get(data[at])
        if field is None:
            field = _BY_LONG_HEADER.get(data[at : at + 2])
            if field is None:
                break
        if field.ordinal <= last:
            raise _NotPlainError
        last = field.ordinal
        fields[field.name], at = field.read(data, at + len(field.header))
    return fields, at


def _take(data: bytes, at: int, length: int) -> bytes:
    taken = data[at : at + length]
    if len(taken) != length:
        raise _NotPlainError
    return taken


def _number(length: int) -> tuple[Callable[[bytes, int], tuple[int, int]], Callable[[Any], bytes]]:
    def read(data: bytes, at: int) -> tuple[int, int]:
        return int.from_bytes(_take(data, at, length), "big"), at + length

    def write(value: Any) -> bytes:
        if type(value) is not int or not 0 <= value < 1 << 8 * length:
            raise _NotPlainError
        return value.to_bytes(length, "big")

    return read, write


def _digest(length: int) -> tuple[Callable[[bytes, int], tuple[str, int]], Callable[[Any], bytes]]:
    def read(data: bytes, at: int) -> tuple[str, int]:
        return _take(data, at, length).hex().upper(), at + length

    def write(value: Any) -> bytes:
        digest = _from_hex(value)
        if len(digest) != length:
            raise _NotPlainError
        return digest

    return read, write


def _from_hex(value: Any) -> bytes:
    if type(value) is not str:
        raise _NotPlainError
    return bytes.fromhex(value)


def _read_type(data: bytes, at: int) -> tuple[str, int]:
    name = _NAMES_OF_TYPES.get(int.from_bytes(_take(data, at, 2), "big"))
    if name is None:
        raise _NotPlainError
    return name, at + 2


def _write_type(value: Any) -> bytes:
    number = _TYPES.get(value) if type(value) is str else None
    if number is None:
        raise _NotPlainError
    return number.to_bytes(2, "big")


def _read_amount(data: bytes, at: int) -> tuple[str, int]:
    drops = int.from_bytes(_take(data, at, 8), "big") - _POSITIVE_XRP
    if not 0 <= drops <= _ALL_DROPS:
        raise _NotPlainError
    return str(drops), at + 8


def _write_amount(value: Any) -> bytes:
    if type(value) is not str or not (value.isascii() and value.isdigit()):
        raise _NotPlainError
    drops = int(value)
    if drops > _ALL_DROPS:
        raise _NotPlainError
    return (drops + _POSITIVE_XRP).to_bytes(8, "big")


def _read_variable(data: bytes, at: int) -> tuple[bytes, int]:
    length = int.from_bytes(_take(data, at, 1), "big")
    if length > _LONGEST_SHORT_BLOB:
        raise _NotPlainError
    return _take(data, at + 1, length), at + 1 + length


def _read_blob(data: bytes, at: int) -> tuple[str, int]:
    blob, at = _read_variable(data, at)
    return blob.hex().upper(), at


def _read_key(data: bytes, at: int) -> tuple[str, int]:
    blob, at = _read_variable(data, at)
    return _key_text(blob), at


@lru_cache(maxsize=1 << 16)
def _key_text(key: bytes) -> str:
    """Return a public key as text, the same object each time: one key stands in many places."""
    return key.hex().upper()


def _write_blob(value: Any) -> bytes:
    blob = _from_hex(value)
    if len(blob) > _LONGEST_SHORT_BLOB:
        raise _NotPlainError
    return bytes((len(blob),)) + blob


def _read_account(data: bytes, at: int) -> tuple[str, int]:
    account, at = _read_variable(data, at)
    if len(account) != 20:  # noqa: PLR2004 - what an account id has; the codec is lenient, we not
        raise _NotPlainError
    return address_text(account), at


def _write_account(value: Any) -> bytes:
    if type(value) is not str:
        raise _NotPlainError
    return b"\x14" + account_bytes(value)


def _read_inner(data: bytes, at: int) -> tuple[dict[str, Any], int]:
    fields, at = _read_object(data, at)
    if data[at : at + 1] != _END_OF_OBJECT:
        raise _NotPlainError
    return fields, at + 1


def _write_inner(value: Any) -> bytes:
    if type(value) is not dict:
        raise _NotPlainError
    return _write_object(value) + _END_OF_OBJECT


def _read_array(data: bytes, at: int) -> tuple[list[dict[str, Any]], int]:
    elements: list[dict[str, Any]] = []
    while data[at : at + 1] != _END_OF_ARRAY:
        first = _take(data, at, 1)[0]
        field = _BY_SHORT_HEADER.get(first) or _BY_LONG_HEADER.get(data[at : at + 2])
        if field is None or field.read is not _read_inner:
            raise _NotPlainError
        inner, at = _read_inner(data, at + len(field.header))
        elements.append({field.name: inner})
    return elements, at + 1


def _write_array(value: Any) -> bytes:
    if type(value) is not list:
        raise _NotPlainError
    for element in value:
        if type(element) is not dict or len(element) != 1:
            raise _NotPlainError
        if type(next(iter(element.values()))) is not dict:
            raise _NotPlainError
    return b"".join([_write_object(element) for element in value]) + _END_OF_ARRAY


_TYPES: Final = {
    "AccountSet": 3,
    "DepositPreauth": 19,
    "Payment": 0,
    "PaymentChannelClaim": 15,
    "PaymentChannelCreate": 13,
    "PaymentChannelFund": 14,
    "SetRegularKey": 5,
    "SignerListSet": 12,
    "TicketCreate": 10,
}
_NAMES_OF_TYPES: Final = {number: name for name, number in _TYPES.items()}

_U16, _U32 = _number(2), _number(4)
_HASH128, _HASH256 = _digest(16), _digest(32)
_AMOUNT = _read_amount, _write_amount
_BLOB, _KEY = (_read_blob, _write_blob), (_read_key, _write_blob)
_ACCOUNT = _read_account, _write_account
_OBJECT, _ARRAY = (_read_inner, _write_inner), (_read_array, _write_array)

_TABLE: Final[dict[str, tuple[int, int, tuple[Any, Any]]]] = {
    "TransactionType": (1, 2, (_read_type, _write_type)),
    "SignerWeight": (1, 3, _U16),
    "NetworkID": (2, 1, _U32),
    "Flags": (2, 2, _U32),
    "SourceTag": (2, 3, _U32),
    "Sequence": (2, 4, _U32),
    "Expiration": (2, 10, _U32),
    "TransferRate": (2, 11, _U32),
    "WalletSize": (2, 12, _U32),
    "DestinationTag": (2, 14, _U32),
    "LastLedgerSequence": (2, 27, _U32),
    "OperationLimit": (2, 29, _U32),
    "SetFlag": (2, 33, _U32),
    "ClearFlag": (2, 34, _U32),
    "SignerQuorum": (2, 35, _U32),
    "CancelAfter": (2, 36, _U32),
    "SettleDelay": (2, 39, _U32),
    "TicketCount": (2, 40, _U32),
    "TicketSequence": (2, 41, _U32),
    "EmailHash": (4, 1, _HASH128),
    "PreviousTxnID": (5, 5, _HASH256),
    "WalletLocator": (5, 7, _HASH256),
    "AccountTxnID": (5, 9, _HASH256),
    "InvoiceID": (5, 17, _HASH256),
    "Channel": (5, 22, _HASH256),
    "Amount": (6, 1, _AMOUNT),
    "Balance": (6, 2, _AMOUNT),
    "Fee": (6, 8, _AMOUNT),
    "SendMax": (6, 9, _AMOUNT),
    "DeliverMin": (6, 10, _AMOUNT),
    "PublicKey": (7, 1, _KEY),
    "MessageKey": (7, 2, _KEY),
    "SigningPubKey": (7, 3, _KEY),
    "TxnSignature": (7, 4, _BLOB),
    "Signature": (7, 6, _BLOB),
    "Domain": (7, 7, _BLOB),
    "MemoType": (7, 12, _BLOB),
    "MemoData": (7, 13, _BLOB),
    "MemoFormat": (7, 14, _BLOB),
    "Account": (8, 1, _ACCOUNT),
    "Destination": (8, 3, _ACCOUNT),
    "Authorize": (8, 5, _ACCOUNT),
    "Unauthorize": (8, 6, _ACCOUNT),
    "RegularKey": (8, 8, _ACCOUNT),
    "NFTokenMinter": (8, 9, _ACCOUNT),
    "Delegate": (8, 12, _ACCOUNT),
    "Memo": (14, 10, _OBJECT),
    "SignerEntry": (14, 11, _OBJECT),
    "Signer": (14, 16, _OBJECT),
    "Signers": (15, 3, _ARRAY),
    "SignerEntries": (15, 4, _ARRAY),
    "Memos": (15, 9, _ARRAY),
}
"""Type and number within the type (rippled include/xrpl/protocol/detail/sfields.macro)."""

_UNSIGNED: Final = frozenset({"Signature", "Signers", "TxnSignature"})
"""What signatures do not cover (sfields.macro, notSigning)."""


def _header(kind: int, number: int) -> bytes:
    """Return a field's id; no field of the table has both numbers above 15 (SField, addFieldID)."""
    if number < 16:  # noqa: PLR2004 - half a byte each
        return bytes((kind << 4 | number,))
    return bytes((kind << 4, number))


_BY_NAME: Final = {
    name: _Field(
        name=name,
        ordinal=kind << 16 | number,
        header=_header(kind, number),
        read=read,
        write=write,
        signed=name not in _UNSIGNED,
    )
    for name, (kind, number, (read, write)) in _TABLE.items()
}
_BY_SHORT_HEADER: Final = {f.header[0]: f for f in _BY_NAME.values() if len(f.header) == 1}
_BY_LONG_HEADER: Final = {f.header: f for f in _BY_NAME.values() if len(f.header) > 1}
