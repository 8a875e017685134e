"""What keys may sign: a few forms of transactions, from our accounts, under a cap. Nothing else.

- For a payee, ``PaymentChannelClaim`` that redeems, without any flag: ``tfClose`` would hand
  everything unclaimed back to the payer (rule 9). And ``TicketCreate``, which keeps seats ready,
  and can do no more harm than to lock up the reserve of as many tickets as the operator allows.
- For a payer, ``PaymentChannelClaim`` with ``tfClose`` and nothing else: no amount, no claim, so
  that nothing can be paid by it (without a signature a payer may pay any balance it likes).
- As a payee's delegate (XLS-75), ``PaymentChannelClaim`` that redeems, from that payee, with the
  tower's own account in ``Delegate``; no tickets, and no close, whatever else the accounts are.

A stolen or mistaken plan must not cost more than a fee. So each form is spelt out field by field,
and what is not spelt out is refused: another flag, a delegate, a memo, an account that is not ours.

``tfClose`` means two things. From the source it asks for a close, or finalises one; from the
destination it closes at once and gives the rest away. One account may be both, on different
channels, and the transaction does not say which. So it is not taken on the planner's word: the
source of the channel is looked up apart from the plan, in what validated ledgers have told
(``Outgoing.source_of``), and a channel of which that is not known is not closed. A plan that mixes
up the two sides, or the channels, ends here.

Pure: what is refused comes back as a sentence.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any, Final, NamedTuple

from watchtower.units import MAX_DROPS, Address, Drops

__all__ = ["Roles", "why_not", "why_not_delegated"]

_COMMON: Final = frozenset({"TransactionType", "Account", "Fee", "Sequence", "LastLedgerSequence"})
_NEEDED: Final = {
    "PaymentChannelClaim": _COMMON | {"Channel", "Amount", "Balance", "Signature", "PublicKey"},
    "TicketCreate": _COMMON | {"TicketCount"},
}
_CLOSE: Final = _COMMON | {"Channel", "Flags"}
"""All that a payer's transaction has; `_NEEDED` is what a payee's have."""

_TF_CLOSE: Final = 0x00020000
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


class Roles(NamedTuple):
    """Which of our accounts redeem, and which may close what they are the source of."""

    payees: Collection[Address]
    payers: Collection[Address] = ()


def why_not(
    transaction: Mapping[str, Any],
    roles: Roles,
    fee_cap: Drops,
    *,
    most_tickets: int = 0,
    source: Address | None = None,
) -> str | None:
    """Return the reason why ``transaction`` must not be signed; None if it may be.

    Args:
        transaction: unsigned, in the ledger's own field names.
        roles: the accounts in the configuration, by what may be signed for them.
        fee_cap: the most drops that it may cost.
        most_tickets: how many tickets it may make; with 0 none are made.
        source: of the transaction's channel, as validated ledgers have told it; None where they
            have not.
    """
    kind = transaction.get("TransactionType")
    needed = _NEEDED.get(kind) if isinstance(kind, str) else None
    if needed is None:
        return f"it signs nothing but {' and '.join(_NEEDED)}"
    account = transaction.get("Account")
    if account not in roles.payees and account not in roles.payers:
        return "the transaction is not from an account in the configuration"
    closes = kind == "PaymentChannelClaim" and _is_close(transaction)
    if closes:
        refused, needed = _why_not_close(account, roles, source), _CLOSE
    else:
        refused = None if account in roles.payees else "for a payer it signs nothing but tfClose"
    if refused is not None:
        return refused
    return _bad_form(transaction, needed) or (
        _bad_numbers(transaction, _TF_CLOSE if closes else 0)
        or _bad_fee(transaction, fee_cap)
        or _bad_rest(transaction, most_tickets)
    )


def why_not_delegated(
    transaction: Mapping[str, Any],
    payees: Collection[Address],
    fee_cap: Drops,
    delegate: Address,
) -> str | None:
    """Return the reason why the key of ``delegate`` must not sign ``transaction``; None if it may.

    The ledger lets a delegate do more than it is asked for: the permission covers every form of
    ``PaymentChannelClaim``, so that a close for the payee, and a payment out of a channel that the
    payee itself funds, need no more than this signature. Here they end.
    """
    if transaction.get("Delegate") != delegate:
        return "the transaction does not name the tower's own account as its delegate"
    if transaction.get("Account") == delegate:
        return "nobody is a delegate of its own (temBAD_SIGNER)"
    if transaction.get("TransactionType") != "PaymentChannelClaim":
        return "as a delegate it signs nothing but PaymentChannelClaim"
    as_if_by_itself = {name: value for name, value in transaction.items() if name != "Delegate"}
    # A payer's accounts are not named: what closes, or pays without a signature, is refused.
    return why_not(as_if_by_itself, Roles(payees), fee_cap)


def _is_close(transaction: Mapping[str, Any]) -> bool:
    flags = transaction.get("Flags", 0)
    return type(flags) is int and bool(flags & _TF_CLOSE)


def _bad_form(transaction: Mapping[str, Any], needed: frozenset[str]) -> str | None:
    if missing := sorted(needed - transaction.keys()):
        return f"the transaction has no {', '.join(missing)}"
    if surplus := sorted(transaction.keys() - needed - _OPTIONAL):
        return f"it does not sign the field {', '.join(surplus)}"
    return None


def _bad_rest(transaction: Mapping[str, Any], most_tickets: int) -> str | None:
    if transaction["TransactionType"] == "TicketCreate":
        return _bad_tickets(transaction, most_tickets)
    return _bad_hexadecimal(transaction) or _bad_amounts(transaction)


def _bad_hexadecimal(transaction: Mapping[str, Any]) -> str | None:
    for field in _HEXADECIMAL.keys() & transaction.keys():
        form = _HEXADECIMAL[field]
        if not isinstance(transaction[field], str) or not form.match(transaction[field]):
            return f"{field} is not the upper-case hexadecimal it has to be"
    return None


def _why_not_close(account: object, roles: Roles, source: Address | None) -> str | None:
    if account not in roles.payers:
        return "tfClose is never signed for a payee: it would give away what is unclaimed"
    if account != source:
        return "tfClose is signed for a channel's source only, and the account is not known as such"
    return None


def _bad_numbers(transaction: Mapping[str, Any], flags: int) -> str | None:
    for field in ("Flags", "NetworkID", "Sequence", "TicketSequence", "LastLedgerSequence"):
        number = transaction.get(field, 0)
        if type(number) is not int or not 0 <= number <= _LARGEST_NUMBER:
            return f"{field} is not a number of 32 bits"
    if transaction.get("Flags", 0) & ~_NO_EFFECT != flags:
        return "the transaction has flags; tfRenew and others are never signed here"
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


def _bad_amounts(transaction: Mapping[str, Any]) -> str | None:
    if "Amount" not in transaction:
        return None
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
