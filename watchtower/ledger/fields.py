"""One field of a ledger entry, a transaction or its metadata: read completely, or not at all.

What it guarantees: a value that is returned has the type and the range that the ledger gives its
field. Anything else is `MalformedError` with the field's name; whoever decodes a message turns it
into an `AnswerError` that names the server. Pure.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from watchtower.errors import InputError
from watchtower.units import (
    MAX_DROPS,
    Address,
    ChannelId,
    Drops,
    parse_address,
    parse_channel_id,
)

__all__ = [
    "MalformedError",
    "address_in",
    "channel_id_from",
    "drops_in",
    "hash_from",
    "hex_in",
    "optional_address_in",
    "optional_uint32_in",
    "uint32_in",
]

_MAX_UINT32: Final = 2**32 - 1
_DIGITS: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z", re.ASCII)
_HASH: Final = re.compile(r"[0-9A-Fa-f]{64}\Z", re.ASCII)


class MalformedError(Exception):
    """What is wrong with a message; leaves the room as `AnswerError`, with who said it."""


def channel_id_from(value: object) -> ChannelId:
    """Return the id of a channel's node."""
    try:
        return parse_channel_id(value if isinstance(value, str) else "")
    except InputError as wrong:
        raise MalformedError("a channel's node has no id") from wrong


def address_in(fields: Mapping[str, Any], name: str) -> Address:
    """Return an address whose checksum holds."""
    value = fields.get(name)
    if not isinstance(value, str):
        raise MalformedError(f"{name} is not an address")
    try:
        return _checked_address(value)
    except InputError as wrong:
        raise MalformedError(f"{name} is not an address") from wrong


def optional_address_in(fields: Mapping[str, Any], name: str) -> Address | None:
    """Return an address; None where there is none."""
    return None if fields.get(name) is None else address_in(fields, name)


@lru_cache(maxsize=4096)
def _checked_address(text: str) -> Address:
    """Return ``text`` once its checksum holds; a stream repeats the same few addresses."""
    return parse_address(text)


def drops_in(fields: Mapping[str, Any], name: str, *, missing: int | None = None) -> Drops:
    """Return an amount of XRP; ``missing``, if that is given, where there is none."""
    value = fields.get(name)
    if value is None and missing is not None:
        return Drops(missing)
    if not isinstance(value, str) or not _DIGITS.match(value) or int(value) > MAX_DROPS:
        raise MalformedError(f"{name} is not an amount of drops")
    return Drops(int(value))


def hex_in(fields: Mapping[str, Any], name: str) -> str:
    """Return bytes in upper-case hexadecimal; at least one."""
    value = fields.get(name)
    if not isinstance(value, str) or not _HEX.match(value):
        raise MalformedError(f"{name} is not hexadecimal")
    return value.upper()


def hash_from(value: object, name: str) -> str:
    """Return a hash of 256 bits in upper-case hexadecimal."""
    if not isinstance(value, str) or not _HASH.match(value):
        raise MalformedError(f"{name} is not a hash")
    return value.upper()


def uint32_in(fields: Mapping[str, Any], name: str) -> int:
    """Return a number of 32 bits."""
    value = optional_uint32_in(fields, name)
    if value is None:
        raise MalformedError(f"{name} is missing")
    return value


def optional_uint32_in(fields: Mapping[str, Any], name: str) -> int | None:
    """Return a number of 32 bits; None where there is none."""
    value = fields.get(name)
    if value is None:
        return None
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_UINT32:
        raise MalformedError(f"{name} is not a number of 32 bits")
    return value
