"""What keys may sign: one kind of transaction, from our accounts, under a fee cap. Nothing else.

A stolen or mistaken plan must not cost more than a fee. So the form of the transaction is spelt
out field by field, and what is not spelt out is refused: a flag (``tfClose`` hands everything
unclaimed back to the payer, rule 9), a delegate, a memo, an account that is not ours.

Pure: what is refused comes back as a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from watchtower.units import MAX_DROPS, Address, Drops

__all__ = ["why_not"]

_NEEDED: Final = frozenset(
    {
        "TransactionType",
        "Account",
        "Channel",
        "Amount",
        "Balance",
        "Signature",
        "PublicKey",
        "Fee",
        "Sequence",
        "LastLedgerSequence",
    }
)
_ALLOWED: Final = _NEEDED | {"Flags", "NetworkID", "TicketSequence"}

_NO_EFFECT: Final = 0x80000000
"""``tfFullyCanonicalSig``, which every server now takes for granted (rippled TxFlags.h:54)."""

_HEXADECIMAL: Final = {
    "Channel": re.compile(r"[0-9A-F]{64}\Z"),
    "PublicKey": re.compile(r"(?:02|03|ED)[0-9A-F]{64}\Z"),
    "Signature": re.compile(r"(?:[0-9A-F]{2}){1,72}\Z"),
}
_DROPS: Final = re.compile(r"[1-9][0-9]{0,17}\Z", re.ASCII)
_LARGEST_NUMBER: Final = 2**32 - 1


def why_not(
    transaction: Mapping[str, Any], accounts: Collection[Address], fee_cap: Drops
) -> str | None:
    """Return the reason why ``transaction`` must not be signed; None if it may be."""
    if transaction.get("TransactionType") != "PaymentChannelClaim":
        return "it signs nothing but PaymentChannelClaim"
    if transaction.get("Account") not in accounts:
        return "the transaction is not from an account in the configuration"
    if missing := sorted(_NEEDED - transaction.keys()):
        return f"the transaction has no {', '.join(missing)}"
    if surplus := sorted(transaction.keys() - _ALLOWED):
        return f"it does not sign the field {', '.join(surplus)}"
    return _bad_numbers(transaction) or _bad_claim(transaction) or _bad_fee(transaction, fee_cap)


def _bad_numbers(transaction: Mapping[str, Any]) -> str | None:
    for field in ("Flags", "NetworkID", "Sequence", "TicketSequence", "LastLedgerSequence"):
        number = transaction.get(field, 0)
        if type(number) is not int or not 0 <= number <= _LARGEST_NUMBER:
            return f"{field} is not a number of 32 bits"
    if transaction.get("Flags", 0) & ~_NO_EFFECT:
        return "the transaction has flags; tfClose and tfRenew are never signed here"
    if transaction["LastLedgerSequence"] == 0:
        return "LastLedgerSequence is 0, so the transaction would never lapse"
    # Exactly one seat: a ticket goes with Sequence 0 (XLS-13).
    if (transaction["Sequence"] == 0) != (transaction.get("TicketSequence", 0) != 0):
        return "the transaction needs either a Sequence or a TicketSequence"
    return None


def _bad_claim(transaction: Mapping[str, Any]) -> str | None:
    for field, form in _HEXADECIMAL.items():
        if not isinstance(transaction[field], str) or not form.match(transaction[field]):
            return f"{field} is not the upper-case hexadecimal it has to be"
    amount, balance = _drops(transaction["Amount"]), _drops(transaction["Balance"])
    if amount is None or balance is None:
        return "Amount and Balance have to be drops above zero"
    if balance > amount:
        return "Balance is above what the claim allows"
    return None


def _bad_fee(transaction: Mapping[str, Any], fee_cap: Drops) -> str | None:
    fee = _drops(transaction["Fee"])
    if fee is None:
        return "Fee has to be drops above zero"
    if fee > fee_cap:
        return f"the fee of {fee} drops is above the cap of {fee_cap}"
    return None


def _drops(value: object) -> int | None:
    if not isinstance(value, str) or not _DROPS.match(value) or int(value) > MAX_DROPS:
        return None
    return int(value)
