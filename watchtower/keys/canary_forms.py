"""What the canary's key may sign: a fire drill's few transactions, and nothing else. Pure.

The canary pays; it is guarded by nobody, and its key stands outside of what ``permission.py``
allows. So its forms are spelt out here as strictly, and what is not spelt out is refused:

- ``PaymentChannelCreate`` to the drill's payee, under the canary's own key, for no more than the
  drill may put at stake;
- ``PaymentChannelClaim`` with ``tfClose``, on a channel that the drill has opened, without an
  amount and without a claim: it asks for the close, and later takes the channel out of the ledger;
- a claim on such a channel, for no more than was put into it.

Whoever steals the store could have the canary pay the operator's own payee, drill by drill.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha512
from typing import Any, Final

from xrpl.core.addresscodec import decode_classic_address

from watchtower.units import Address, ChannelId, Drops

__all__ = ["CanaryLimits", "channel_of", "open_fields", "why_not_canary", "why_not_claim"]

_TF_CLOSE: Final = 0x00020000
_COMMON: Final = frozenset({"TransactionType", "Account", "Fee", "Sequence", "LastLedgerSequence"})
_FORMS: Final = {
    "PaymentChannelCreate": _COMMON | {"Destination", "Amount", "SettleDelay", "PublicKey"},
    "PaymentChannelClaim": _COMMON | {"Channel", "Flags"},
}
_DROPS: Final = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)
_LARGEST_NUMBER: Final = 2**32 - 1
_SPACE: Final = b"\0x"
"""The name space of channels (rippled LedgerNameSpace::XRP_PAYMENT_CHANNEL, Indexes.cpp:75)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryLimits:
    """Whom the canary pays, and how much: drops for a channel, and for a transaction's fee."""

    payee: Address
    amount: Drops
    fee: Drops


def open_fields(
    account: Address, payee: Address, amount: Drops, settle_delay: int, public_key: str
) -> dict[str, Any]:
    """Return what opens a canary channel, but for what every transaction carries."""
    return {
        "TransactionType": "PaymentChannelCreate",
        "Account": account,
        "Destination": payee,
        "Amount": str(amount),
        "SettleDelay": settle_delay,
        "PublicKey": public_key,
    }


def channel_of(account: Address, payee: Address, sequence: int) -> ChannelId:
    """Return the id of the channel that a transaction with ``sequence`` opens.

    (rippled src/libxrpl/protocol/Indexes.cpp, keylet::payChan.)
    """
    ends = decode_classic_address(account) + decode_classic_address(payee)
    digest = sha512(_SPACE + ends + sequence.to_bytes(4, "big")).digest()[:32]
    return ChannelId(digest.hex().upper())


def why_not_canary(
    transaction: Mapping[str, Any],
    *,
    account: Address,
    public_key: str,
    limits: CanaryLimits,
    opened: Mapping[ChannelId, Drops],
) -> str | None:
    """Return why the canary's key must not sign ``transaction``; None if it may.

    Args:
        transaction: unsigned, in the ledger's own field names.
        account: the canary's.
        public_key: the canary's.
        limits: by the settings.
        opened: what was put into each channel that drills have opened, by the store.
    """
    kind = transaction.get("TransactionType")
    form = _FORMS.get(kind) if isinstance(kind, str) else None
    if form is None:
        return f"the canary's key signs nothing but {' and '.join(_FORMS)}"
    if transaction.keys() - {"NetworkID"} != form:
        odd = sorted((transaction.keys() - {"NetworkID"}) ^ form)
        return f"the canary's {kind} has other fields than it should ({', '.join(odd)})"
    if transaction["Account"] != account:
        return "the canary's key signs for the canary's account alone"
    return _bad_numbers(transaction, limits.fee) or (
        _bad_open(transaction, public_key, limits)
        if kind == "PaymentChannelCreate"
        else _bad_close(transaction, opened)
    )


def why_not_claim(
    channel: ChannelId, amount: Drops, opened: Mapping[ChannelId, Drops]
) -> str | None:
    """Return why the canary's key must not sign a claim; None if it may."""
    if channel not in opened:
        return "the canary's key signs claims on channels that a drill has opened, and no others"
    if not 0 < amount <= opened[channel]:
        return "the canary's claim is for more than was put into its channel"
    return None


def _bad_numbers(transaction: Mapping[str, Any], most: Drops) -> str | None:
    for field in ("Sequence", "LastLedgerSequence"):
        number = transaction[field]
        if type(number) is not int or not 0 < number <= _LARGEST_NUMBER:
            return f"{field} is not a number above zero"
    fee = _drops(transaction["Fee"])
    if fee is None or fee > most:
        return f"the fee of {transaction['Fee']} drops is above the cap of {most}"
    return None


def _bad_open(transaction: Mapping[str, Any], public_key: str, limits: CanaryLimits) -> str | None:
    amount = _drops(transaction["Amount"])
    if transaction["Destination"] != limits.payee:
        return "the canary pays the drill's payee and nobody else"
    if amount is None or amount > limits.amount:
        return f"the canary puts no more than {limits.amount} drops into a channel"
    if transaction["PublicKey"] != public_key:
        return "the canary's channels have the canary's own key"
    return None


def _bad_close(transaction: Mapping[str, Any], opened: Mapping[ChannelId, Drops]) -> str | None:
    if transaction["Flags"] != _TF_CLOSE:
        return "the canary asks to close, and signs no other flag"
    if transaction["Channel"] not in opened:
        return "the canary closes channels that a drill has opened, and no others"
    return None


def _drops(value: object) -> int | None:
    return int(value) if isinstance(value, str) and _DROPS.match(value) else None
