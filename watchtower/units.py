"""The few types that every layer shares: drops, ledger time, indexes, channel ids, addresses.

Text is parsed here once, at the edge; inside, a value of these types is known to be good. All of
it is pure.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Final, NewType

from watchtower.errors import AddressError, AmountError, ChannelIdError

__all__ = [
    "DROPS_PER_XRP",
    "MAX_DROPS",
    "MAX_LEDGER_TIME",
    "Address",
    "ChannelId",
    "Drops",
    "LedgerIndex",
    "RippleTime",
    "TxHash",
    "format_drops",
    "format_time",
    "parse_address",
    "parse_channel_id",
    "parse_drops",
    "ripple_time",
    "unix_time",
]

Drops = NewType("Drops", int)
"""An amount of XRP in drops; one XRP is 1,000,000 drops. Never a float."""

RippleTime = NewType("RippleTime", int)
"""Ledger time: seconds since 2000-01-01T00:00:00Z, a uint32 on the ledger."""

LedgerIndex = NewType("LedgerIndex", int)
"""The sequence number of a ledger."""

ChannelId = NewType("ChannelId", str)
"""A payment channel's ledger index: 64 upper-case hexadecimal digits."""

Address = NewType("Address", str)
"""A classic address (``r…``) whose checksum was verified."""

TxHash = NewType("TxHash", str)
"""A transaction's identifying hash: 64 upper-case hexadecimal digits."""

DROPS_PER_XRP: Final = 1_000_000

MAX_DROPS: Final = 100_000_000_000 * DROPS_PER_XRP
"""All XRP that ever existed (rippled include/xrpl/protocol/SystemParameters.h, INITIAL_XRP)."""

MAX_LEDGER_TIME: Final = 2**32 - 1
"""The last second that a uint32 of ledger time can hold, in the year 2136."""

_EPOCH: Final = datetime(2000, 1, 1, tzinfo=UTC)
_EPOCH_UNIX: Final = 946_684_800
_CHANNEL_ID: Final = re.compile(r"[0-9A-Fa-f]{64}\Z", re.ASCII)
_DROPS: Final = re.compile(r"[0-9]{1,18}\Z", re.ASCII)
_XRP: Final = re.compile(r"([0-9]{1,12}(?:\.[0-9]{1,6})?) ?XRP\Z", re.ASCII | re.IGNORECASE)


def parse_channel_id(text: str) -> ChannelId:
    """Return ``text`` as a channel id.

    Raises:
        ChannelIdError: it is not 64 hexadecimal digits.
    """
    if not _CHANNEL_ID.match(text):
        raise ChannelIdError(text=text)
    return ChannelId(text.upper())


def parse_address(text: str) -> Address:
    """Return ``text`` as a classic address.

    Raises:
        AddressError: the checksum or the form is wrong.
    """
    # Imported here, since it takes longer than all that needs the other words takes to start.
    from xrpl.core.addresscodec import is_valid_classic_address  # noqa: PLC0415

    if not is_valid_classic_address(text):
        raise AddressError(text=text)
    return Address(text)


def parse_drops(text: str) -> Drops:
    """Return the amount that a person wrote: drops (``1500000``) or XRP (``1.5XRP``).

    Raises:
        AmountError: it is neither, has more than six decimals, or is above all XRP there is.
    """
    value: Decimal | None = None
    if _DROPS.match(text):
        value = Decimal(text)
    elif found := _XRP.match(text):
        try:
            value = Decimal(found[1]) * DROPS_PER_XRP
        except InvalidOperation:  # pragma: no cover - the pattern admits only numbers
            value = None
    if value is None or value > MAX_DROPS:
        raise AmountError(text=text)
    return Drops(int(value))


def format_drops(drops: Drops) -> str:
    """Return ``drops`` for people: ``1.5 XRP``, ``0.000012 XRP``."""
    whole, rest = divmod(abs(drops), DROPS_PER_XRP)
    fraction = f".{rest:06}".rstrip("0").rstrip(".")
    return f"{'-' if drops < 0 else ''}{whole:,}{fraction} XRP"


def format_time(time: RippleTime) -> str:
    """Return ledger time in ISO 8601, UTC: ``2026-01-01T00:00:01Z``."""
    return (_EPOCH + timedelta(seconds=time)).strftime("%Y-%m-%dT%H:%M:%SZ")


def ripple_time(unix_seconds: float) -> RippleTime:
    """Return the ledger time of a Unix time."""
    return RippleTime(int(unix_seconds) - _EPOCH_UNIX)


def unix_time(time: RippleTime) -> int:
    """Return the Unix time of a ledger time."""
    return time + _EPOCH_UNIX
