"""AccountSet, SetRegularKey, DepositPreauth: what an account may say about itself.

Follows rippled 3.1.1 src/xrpld/app/tx/detail/SetAccount.cpp, SetRegularKey.cpp, DepositPreauth.cpp,
as far as XRP and channels are concerned.
"""

from __future__ import annotations

from watchtower.sandbox import directories
from watchtower.sandbox.account_flags import (
    ACCOUNT_SET_FLAGS,
    DISABLE_MASTER,
    NO_FREEZE,
    PASSWORD_SPENT,
    TRANSACTION_FLAGS,
)
from watchtower.sandbox.entries import Entry, has_flag
from watchtower.sandbox.hashing import account_index, preauth_index, signer_list_index
from watchtower.sandbox.results import SUCCESS
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.transaction import Transaction, signing_address
from watchtower.sandbox.transactors.context import (
    ApplyContext,
    PreclaimContext,
    Transactor,
    adjust_owner_count,
    no_preclaim,
)

__all__ = ["ACCOUNT_SET", "DEPOSIT_PREAUTH", "SET_REGULAR_KEY"]

_REQUIRE_AUTH, _DISABLE_MASTER, _ACCOUNT_TXN_ID, _NO_FREEZE, _GLOBAL_FREEZE = 2, 4, 5, 6, 7
_BLOB_FIELDS = ("Domain", "EmailHash", "MessageKey", "WalletLocator")


def _set_preflight(tx: Transaction, _rules: Rules) -> str:
    fields = tx.fields
    if fields.get("SetFlag", 0) and fields.get("SetFlag") == fields.get("ClearFlag"):
        return "temINVALID_FLAG"
    for number in (1, 2, 3):
        wanted = [bit for bit, (n, _) in TRANSACTION_FLAGS.items() if n == number]
        if all(tx.flags & bit for bit in wanted):
            return "temINVALID_FLAG"
    return SUCCESS


def _set_apply(context: ApplyContext) -> str:
    tx, root = context.tx, context.sender
    flags = root["Flags"]
    asked = [(n, on) for bit, (n, on) in TRANSACTION_FLAGS.items() if tx.flags & bit]
    asked += [
        (tx.fields[f], on) for f, on in (("SetFlag", True), ("ClearFlag", False)) if f in tx.fields
    ]
    for number, on in asked:
        if refusal := _flag_refusal(context, number, on=on):
            return refusal
        if number == _ACCOUNT_TXN_ID:
            _track_transactions(root, on=on)
        bit = ACCOUNT_SET_FLAGS.get(number, 0)
        flags = flags | bit if on else flags & ~bit
    root["Flags"] = flags
    for name in _BLOB_FIELDS:
        if name in tx.fields:
            _put_or_drop(root, name, tx.fields[name])
    return SUCCESS


def _flag_refusal(context: ApplyContext, number: int, *, on: bool) -> str | None:
    root = context.sender
    if number == _DISABLE_MASTER and on:
        if signing_address(context.tx) != context.tx.account:
            return "tecNEED_MASTER_KEY"
        if "RegularKey" not in root and not context.view.read(
            signer_list_index(context.tx.account)
        ):
            return "tecNO_ALTERNATIVE_KEY"
    if number == _NO_FREEZE and on and signing_address(context.tx) != context.tx.account:
        return "tecNEED_MASTER_KEY" if not has_flag(root, DISABLE_MASTER) else None
    if number in (_NO_FREEZE, _GLOBAL_FREEZE) and not on and has_flag(root, NO_FREEZE):
        return None
    return None


def _track_transactions(root: Entry, *, on: bool) -> None:
    if on:
        root.setdefault("AccountTxnID", "0" * 64)
    else:
        root.pop("AccountTxnID", None)


def _put_or_drop(root: Entry, name: str, value: str) -> None:
    """Write a field; empty or zero removes it."""
    if value.strip("0"):
        root[name] = value
    else:
        root.pop(name, None)


def _key_preflight(tx: Transaction, _rules: Rules) -> str:
    return "temBAD_REGKEY" if tx.fields.get("RegularKey") == tx.account else SUCCESS


def _key_apply(context: ApplyContext) -> str:
    """The first change with the master key is free, and says so by a flag (SetRegularKey.cpp)."""
    root = context.sender
    if context.base_fee == 0:
        root["Flags"] |= PASSWORD_SPENT
    if key := context.tx.fields.get("RegularKey"):
        root["RegularKey"] = key
        return SUCCESS
    if has_flag(root, DISABLE_MASTER) and not context.view.read(
        signer_list_index(context.tx.account)
    ):
        return "tecNO_ALTERNATIVE_KEY"
    root.pop("RegularKey", None)
    return SUCCESS


def _preauth_preflight(tx: Transaction, _rules: Rules) -> str:
    named = [tx.fields[f] for f in ("Authorize", "Unauthorize") if f in tx.fields]
    if len(named) != 1:
        return "temMALFORMED"
    if "Authorize" in tx.fields and named[0] == tx.account:
        return "temCANNOT_PREAUTH_SELF"
    return SUCCESS


def _preauth_preclaim(context: PreclaimContext) -> str:
    fields, account = context.tx.fields, context.tx.account
    if "Authorize" in fields:
        if context.view.read(account_index(fields["Authorize"])) is None:
            return "tecNO_TARGET"
        if context.view.read(preauth_index(account, fields["Authorize"])):
            return "tecDUPLICATE"
    elif not context.view.read(preauth_index(account, fields["Unauthorize"])):
        return "tecNO_ENTRY"
    return SUCCESS


def _preauth_apply(context: ApplyContext) -> str:
    account, fields = context.tx.account, context.tx.fields
    if "Authorize" in fields:
        root = context.sender
        if context.prior_balance < context.rules.reserve(root["OwnerCount"] + 1):
            return "tecINSUFFICIENT_RESERVE"
        entry: Entry = {
            "LedgerEntryType": "DepositPreauth",
            "Account": account,
            "Authorize": fields["Authorize"],
            "Flags": 0,
        }
        context.add_owned(preauth_index(account, fields["Authorize"]), entry, account)
        return SUCCESS
    index = preauth_index(account, fields["Unauthorize"])
    found = context.view.read(index)
    if found is None:
        return "tecNO_ENTRY"
    if not directories.remove(context.view, account, found["OwnerNode"], index, keep_root=False):
        return "tefBAD_LEDGER"
    adjust_owner_count(context.sender, -1)
    context.view.erase(index)
    return SUCCESS


def _set_blocks(tx: Transaction) -> bool:
    """Flags that change who may sign, or what may follow, block the queue (SetAccount.cpp)."""
    numbers = {tx.fields.get("SetFlag"), tx.fields.get("ClearFlag")}
    blocking = {_REQUIRE_AUTH, _DISABLE_MASTER, _ACCOUNT_TXN_ID}
    return bool(numbers & blocking) or bool(tx.flags & (0x00040000 | 0x00080000))


ACCOUNT_SET = Transactor(
    preflight=_set_preflight,
    preclaim=no_preclaim,
    apply=_set_apply,
    flags=0x003F0000,
    is_blocker=_set_blocks,
)
SET_REGULAR_KEY = Transactor(
    preflight=_key_preflight, preclaim=no_preclaim, apply=_key_apply, is_blocker=lambda _tx: True
)
DEPOSIT_PREAUTH = Transactor(
    preflight=_preauth_preflight, preclaim=_preauth_preclaim, apply=_preauth_apply
)
