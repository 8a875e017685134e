"""What keys may sign: two kinds of transactions, from our accounts, under a cap. Nothing else.

``PaymentChannelClaim`` redeems; ``TicketCreate`` keeps seats ready for it, and can do no more harm
than to lock up the reserve of as many tickets as the operator allows. A stolen or mistaken plan
must not cost more than a fee. So the form of each is spelt out field by field, and what is not
spelt out is refused: a flag (``tfClose`` hands everything unclaimed back to the payer, rule 9), a
delegate, a memo, an account that is not ours.

Pure: what is refused comes back as a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final

from watchtower.units import MAX_DROPS, Address, Drops

__all__ = ["why_not"]

_COMMON: Final = frozenset({"TransactionType", "Account", "Fee", "Sequence", "LastLedgerSequence"})
_NEEDED: Final = {
    "PaymentChannelClaim": _COMMON | {"Channel", "Amount", "Balance", "Signature", "PublicKey"},
    "TicketCreate": _COMMON | {"TicketCount"},
}
_OPTIONAL: Final = frozenset({"Flags", "NetworkID", "TicketSequence"})

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
    transaction: Mapping[str, Any],
    accounts: Collection[Address],
    fee_cap: Drops,
    *,
    most_tickets: int = 0,
) -> str | None:
    """Return the reason why ``transaction`` must not be signed; None if it may be.

    Args:
        transaction: unsigned, in the ledger's own field names.
        accounts: those in the configuration.
        fee_cap: the most drops that it may cost.
        most_tickets: how many tickets it may make; with 0 none are made.
    """
    kind = transaction.get("TransactionType")
    needed = _NEEDED.get(kind) if isinstance(kind, str) else None
    if needed is None:
        return f"it signs nothing but {' and '.join(_NEEDED)}"
    if transaction.get("Account") not in accounts:
        return "the transaction is not from an account in the configuration"
    if missing := sorted(needed - transaction.keys()):
        return f"the transaction has no {', '.join(missing)}"
    if surplus := sorted(transaction.keys() - needed - _OPTIONAL):
        return f"it does not sign the field {', '.join(surplus)}"
    bad = _bad_numbers(transaction) or _bad_fee(transaction, fee_cap)
    if bad is None and kind == "TicketCreate":
        return _bad_tickets(transaction, most_tickets)
    return bad or _bad_claim(transaction)


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


def _bad_tickets(transaction: Mapping[str, Any], most: int) -> str | None:
    count = transaction["TicketCount"]
    if type(count) is not int or not 1 <= count <= most:
        return f"TicketCount is not between 1 and the {most} tickets that are allowed"
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
