"""Claims of the Interledger plugins for the XRP Ledger, as they stand in a plugin's store.

The stores hold text under names. Given as one JSON object for each channel, names as they are:

- ``ilp-plugin-xrp-paychan`` (interledgerjs, @012af58 index.js, ``_connect``): ``incoming_channel``
  and ``incoming_claim``;
- ``ilp-plugin-xrp-asym-server`` (@132a971 src/account.ts): ``ACCOUNT:channel`` and
  ``ACCOUNT:claim``, of one account.

A claim is ``{"amount": …, "signature": …}``, as JSON or as text that spells it. What else these
stores hold of a channel may stand beside it and is not read.

Amounts are in units of the plugin's option ``currencyScale`` (or ``assetScale``): how many decimals
an XRP has, 6 unless set. Give it beside the names if it was. What is signed are drops, rounded up
(``baseToXrp``, BigNumber.ROUND_UP; its test is in @034aa63 test/pluginSpec.js, ``_sendMoney``):
1,090 units of a scale of 9 are 2 drops.

Pure.
"""

from __future__ import annotations

import re
from typing import Any, Final

import msgspec

from watchtower.claims.formats.document import (
    claim_in_drops,
    read_into,
    read_object,
    text_of,
)
from watchtower.claims.given import Given
from watchtower.errors import AmountError, ClaimFormatError

__all__ = ["read_interledger"]

_DROPS_SCALE: Final = 6
_MOST_SCALE: Final = 20
"""Behind which BigNumber divides inexactly (its DECIMAL_PLACES)."""

_UNITS: Final = re.compile(r"[0-9]{1,40}\Z", re.ASCII)

_PEER_FIELDS: Final = frozenset(
    {"incoming_channel", "incoming_claim", "outgoing_channel", "outgoing_claim"}
)
_SERVER_FIELDS: Final = frozenset(
    {"channel", "claim", "client_channel", "outgoing_balance", "last_claimed", "block"}
)
_SCALES: Final = ("currencyScale", "assetScale")


class _Claim(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    amount: str | int
    signature: str = ""


def read_interledger(document: bytes) -> Given:
    """Return the claim in what a plugin's store holds of one channel.

    Raises:
        InputError: it is no such thing, or holds no claim.
    """
    found = read_object(text_of(document))
    scale = _scale(found)
    channel, claim = _both(found)
    if isinstance(claim, str):
        claim = read_object(claim)
    record = read_into(claim, _Claim)
    if not record.signature:
        raise ClaimFormatError(why="it has no signature: nothing was promised on the channel yet")
    amount = _drops(str(record.amount), scale)
    return claim_in_drops(
        channel=read_into(channel, str), amount=amount, signature=record.signature
    )


def _scale(found: dict[str, Any]) -> int:
    """Take the scale out of what was given, and return it."""
    named = [found.pop(name) for name in _SCALES if name in found]
    if not named:
        return _DROPS_SCALE
    if len(named) > 1:
        raise ClaimFormatError(why="currencyScale and assetScale are one thing; give one of them")
    scale = read_into(named[0], int)
    if not 0 <= scale <= _MOST_SCALE:
        raise ClaimFormatError(why=f"its currencyScale is not from 0 to {_MOST_SCALE}")
    return scale


def _both(found: dict[str, Any]) -> tuple[Any, Any]:
    """Return the channel and the claim, whichever plugin's they are."""
    if found.keys() & _PEER_FIELDS:
        fields = {name: name for name in found}
        names, known = ("incoming_channel", "incoming_claim"), _PEER_FIELDS
    else:
        fields = _fields_of_account(found)
        names, known = ("channel", "claim"), _SERVER_FIELDS
    for field in fields:
        if field not in known:
            raise ClaimFormatError(why=f"nothing is called {field[:64]!r} in such a store")
    for name in names:
        if name not in fields:
            raise ClaimFormatError(why=f"it has no {name}")
    channel, claim = (found[fields[name]] for name in names)
    return channel, claim


def _fields_of_account(found: dict[str, Any]) -> dict[str, str]:
    """Return the names in an asym-server's store by what they are for, of its only account.

    The account's own name, without anything behind it, is its balance.
    """
    accounts = {name.rpartition(":")[0] or name for name in found}
    if len(accounts) != 1:
        raise ClaimFormatError(why="it is not of one account; give each account its own object")
    return {name.rpartition(":")[2]: name for name in found if name.rpartition(":")[0] in accounts}


def _drops(amount: str, scale: int) -> str:
    if not _UNITS.match(amount):
        raise AmountError(text=amount[:64])
    units, apart = int(amount), scale - _DROPS_SCALE
    return str(-(-units // 10**apart) if apart > 0 else units * 10**-apart)
