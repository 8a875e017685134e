"""Payment of XRP from account to account. Other assets are none of a channel's business.

Follows rippled 3.1.1 src/xrpld/app/tx/detail/Payment.cpp, as far as both sides are XRP.
"""

from __future__ import annotations

from typing import Final

from watchtower.sandbox.account_flags import DEPOSIT_AUTH, PASSWORD_SPENT, REQUIRE_DEST_TAG
from watchtower.sandbox.entries import drops, has_flag
from watchtower.sandbox.hashing import account_index, preauth_index
from watchtower.sandbox.results import SUCCESS
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.transaction import Transaction
from watchtower.sandbox.transactors.context import (
    NO_ACCOUNT,
    ApplyContext,
    PreclaimContext,
    Transactor,
    amount_fault,
)

__all__ = ["PAYMENT"]

_NO_DIRECT: Final = 0x00010000
_PARTIAL: Final = 0x00020000
_LIMIT_QUALITY: Final = 0x00040000


def _preflight(tx: Transaction, _rules: Rules) -> str:
    """(Payment.cpp, preflight.) In its order; what is not XRP has no rules here."""
    fields = tx.fields
    if isinstance(fields["Amount"], dict):
        return "temDISABLED"
    if fields["Destination"] == NO_ACCOUNT:
        return "temDST_NEEDED"
    if fault := amount_fault(fields["Amount"]):
        return fault
    faults = {
        # With paths, a payment to oneself may be an exchange.
        "temREDUNDANT": fields["Destination"] == tx.account and "Paths" not in fields,
        "temBAD_SEND_XRP_MAX": "SendMax" in fields,
        "temBAD_SEND_XRP_PATHS": "Paths" in fields,
        "temBAD_SEND_XRP_PARTIAL": bool(tx.flags & _PARTIAL),
        "temBAD_SEND_XRP_LIMIT": bool(tx.flags & _LIMIT_QUALITY),
        "temBAD_SEND_XRP_NO_DIRECT": bool(tx.flags & _NO_DIRECT),
        # Without a partial payment there is no least amount to deliver.
        "temBAD_AMOUNT": "DeliverMin" in fields,
    }
    return next((code for code, is_so in faults.items() if is_so), SUCCESS)


def _preclaim(context: PreclaimContext) -> str:
    """(Payment.cpp, preclaim.) Only a new account needs a least amount, and never a tag."""
    fields = context.tx.fields
    destination = context.account(fields["Destination"])
    if destination is None:
        if int(fields["Amount"]) < context.rules.reserve_base:
            return "tecNO_DST_INSUF_XRP"
        return SUCCESS
    if has_flag(destination, REQUIRE_DEST_TAG) and "DestinationTag" not in fields:
        return "tecDST_TAG_NEEDED"
    return SUCCESS


def _apply(context: ApplyContext) -> str:
    """(Payment.cpp, doApply, its last part: direct XRP payment)."""
    tx = context.tx
    amount = int(tx.fields["Amount"])
    sender = context.sender
    # The fee may come out of the reserve, but only if the sender is the one who pays it.
    reserve = context.rules.reserve(sender["OwnerCount"])
    if tx.fee_payer == tx.account:
        reserve = max(reserve, tx.fee)
    if context.prior_balance < amount + reserve:
        return "tecUNFUNDED_PAYMENT"
    if not _may_deposit(context, amount):
        return "tecNO_PERMISSION"
    destination = context.account(tx.fields["Destination"])
    if destination is None:
        destination = {
            "LedgerEntryType": "AccountRoot",
            "Account": tx.fields["Destination"],
            "Balance": "0",
            "Flags": 0,
            "OwnerCount": 0,
            # An account begins at the index of its first ledger (DeletableAccounts), so that one
            # which comes back cannot be robbed by its old transactions.
            "Sequence": context.ledger_index,
        }
        context.view.insert(account_index(tx.fields["Destination"]), destination)
    context.pay(sender, -amount)
    context.pay(destination, amount)
    if has_flag(destination, PASSWORD_SPENT):
        destination["Flags"] &= ~PASSWORD_SPENT
    return SUCCESS


def _may_deposit(context: ApplyContext, amount: int) -> bool:
    """Return whether deposit authorisation lets the payment through (Payment.cpp, doApply).

    It lets small ones through to an account that is below the reserve, so that it can be rescued.
    """
    destination = context.account(context.tx.fields["Destination"])
    if destination is None or not has_flag(destination, DEPOSIT_AUTH):
        return True
    base = context.rules.reserve(0)
    if amount <= base and drops(destination, "Balance") <= base:
        return True
    return context.view.read(preauth_index(destination["Account"], context.tx.account)) is not None


PAYMENT = Transactor(
    preflight=_preflight,
    preclaim=_preclaim,
    apply=_apply,
    flags=_NO_DIRECT | _PARTIAL | _LIMIT_QUALITY,
    spends=lambda tx: int(tx.fields["Amount"]),
)
