"""AccountSet, SetRegularKey, DepositPreauth: what an account may say about itself.

Follows rippled 3.1.1 src/xrpld/app/tx/detail/SetAccount.cpp, SetRegularKey.cpp, DepositPreauth.cpp,
as far as XRP and channels are concerned. Lines are those of commit 062ece32
(src/libxrpl/tx/transactors/), the nearest to 3.1.1 that could be read.
"""

from __future__ import annotations

from watchtower.sandbox import directories
from watchtower.sandbox.account_flags import (
    ACCOUNT_SET_FLAGS,
    DISABLE_MASTER,
    GLOBAL_FREEZE,
    NO_FREEZE,
    PASSWORD_SPENT,
    REQUIRE_AUTH,
    TRANSACTION_FLAGS,
)
from watchtower.sandbox.entries import Entry, has_flag
from watchtower.sandbox.hashing import account_index, preauth_index, signer_list_index
from watchtower.sandbox.results import SUCCESS
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.transaction import Transaction, signing_address
from watchtower.sandbox.transactors.context import (
    NO_ACCOUNT,
    ApplyContext,
    PreclaimContext,
    Transactor,
    adjust_owner_count,
    no_preclaim,
)

__all__ = ["ACCOUNT_SET", "DEPOSIT_PREAUTH", "SET_REGULAR_KEY"]

_REQUIRE_AUTH, _DISABLE_MASTER, _ACCOUNT_TXN_ID, _NO_FREEZE = 2, 4, 5, 6
_BLOB_FIELDS = {"Domain": False, "EmailHash": True, "MessageKey": False, "WalletLocator": True}
"""Fields that an account may write, and whether they are hashes."""


def _asked(tx: Transaction) -> list[tuple[int, bool]]:
    """Return the flags that are to be set or cleared, by the number that ``SetFlag`` has for them.

    Three of them have flags of the transaction, too (SetAccount.cpp, doApply: legacy flags).
    """
    asked = [(n, on) for bit, (n, on) in TRANSACTION_FLAGS.items() if tx.flags & bit]
    fields = (("SetFlag", True), ("ClearFlag", False))
    return asked + [(tx.fields[name], on) for name, on in fields if name in tx.fields]


def _set_preflight(tx: Transaction, _rules: Rules) -> str:
    """(SetAccount.cpp:45-96.) Nothing may be set and cleared at once."""
    fields, asked = tx.fields, set(_asked(tx))
    if fields.get("SetFlag", 0) and fields.get("SetFlag") == fields.get("ClearFlag"):
        return "temINVALID_FLAG"  # :56-60
    contradicts = any({(number, True), (number, False)} <= asked for number in (1, 2, 3))
    return "temINVALID_FLAG" if contradicts else SUCCESS  # :65-72, :77-84, :89-96


def _set_preclaim(context: PreclaimContext) -> str:
    """(SetAccount.cpp:201-229.) Who owns or is owed anything cannot ask for authorisation."""
    account = context.tx.account
    root = context.account(account)
    if root is None:
        return "terNO_ACCOUNT"
    if (_REQUIRE_AUTH, True) not in _asked(context.tx) or has_flag(root, REQUIRE_AUTH):
        return SUCCESS
    owns = any(page["Indexes"] for _, page in directories.pages(context.view, account))
    # While it may be retried it is terOWNERS there; nobody is told of that.
    return "tecOWNERS" if owns else SUCCESS  # :222-229


def _set_apply(context: ApplyContext) -> str:
    """(SetAccount.cpp, doApply)."""
    tx, root = context.tx, context.sender
    flags = root["Flags"]
    for number, on in _asked(tx):
        if refusal := _flag_refusal(context, number, on=on):
            return refusal
        if number == _ACCOUNT_TXN_ID:
            _track_transactions(root, on=on)
        bit = ACCOUNT_SET_FLAGS.get(number, 0)
        # No freeze is for ever, and takes the way back from a global one.
        is_for_ever = bit == NO_FREEZE or (bit == GLOBAL_FREEZE and flags & NO_FREEZE)
        if on:
            flags |= bit
        elif not is_for_ever:
            flags &= ~bit
    root["Flags"] = flags
    for name, is_hash in _BLOB_FIELDS.items():
        if name in tx.fields:
            _put_or_drop(root, name, tx.fields[name], is_hash=is_hash)
    return SUCCESS


def _flag_refusal(context: ApplyContext, number: int, *, on: bool) -> str | None:
    """(SetAccount.cpp, doApply: DisableMaster, NoFreeze.) Both ask for the master key."""
    root = context.sender
    is_disabled = has_flag(root, DISABLE_MASTER)
    if not on or is_disabled or number not in (_DISABLE_MASTER, _NO_FREEZE):
        return None
    if signing_address(context.tx) != context.tx.account:
        return "tecNEED_MASTER_KEY"
    has_others = "RegularKey" in root or context.view.read(signer_list_index(context.tx.account))
    return None if has_others or number == _NO_FREEZE else "tecNO_ALTERNATIVE_KEY"


def _track_transactions(root: Entry, *, on: bool) -> None:
    if on:
        root.setdefault("AccountTxnID", "0" * 64)
    else:
        root.pop("AccountTxnID", None)


def _put_or_drop(root: Entry, name: str, value: str, *, is_hash: bool) -> None:
    """Write a field; an empty one, or a hash of zeros, removes it (SetAccount.cpp, doApply)."""
    if value.strip("0") if is_hash else value:
        root[name] = value
    else:
        root.pop(name, None)


def _key_preflight(tx: Transaction, _rules: Rules) -> str:
    """(SetRegularKey.cpp:31-41; fixMasterKeyAsRegularKey)."""
    return "temBAD_REGKEY" if tx.fields.get("RegularKey") == tx.account else SUCCESS


def _key_apply(context: ApplyContext) -> str:
    """(SetRegularKey.cpp:43-63.) The first change with the master key is free, as a flag says."""
    root = context.sender
    if context.base_fee == 0:
        root["Flags"] |= PASSWORD_SPENT
    if key := context.tx.fields.get("RegularKey"):
        root["RegularKey"] = key
        return SUCCESS
    # Whoever has no other key keeps this one (:59-61).
    if has_flag(root, DISABLE_MASTER) and not context.view.read(
        signer_list_index(context.tx.account)
    ):
        return "tecNO_ALTERNATIVE_KEY"
    root.pop("RegularKey", None)
    return SUCCESS


def _preauth_preflight(tx: Transaction, _rules: Rules) -> str:
    """(DepositPreauth.cpp:26-76.) Credentials have no rules here."""
    named = [tx.fields[f] for f in ("Authorize", "Unauthorize") if f in tx.fields]
    if len(named) != 1:
        return "temMALFORMED"  # :39-45
    if named[0] == NO_ACCOUNT:
        return "temINVALID_ACCOUNT_ID"  # :51-56
    if "Authorize" in tx.fields and named[0] == tx.account:
        return "temCANNOT_PREAUTH_SELF"  # :58-63
    return SUCCESS


def _preauth_preclaim(context: PreclaimContext) -> str:
    """(DepositPreauth.cpp:78-101)."""
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
    """(DepositPreauth.cpp:134-, removeFromLedger)."""
    account, fields = context.tx.account, context.tx.fields
    if "Authorize" in fields:
        root = context.sender
        # Held against the balance before the fee, which may dip into the reserve (:143-150).
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
    """(SetAccount.cpp:13-37.) What changes who may sign, or what may follow, blocks the queue."""
    numbers = {tx.fields.get("SetFlag"), tx.fields.get("ClearFlag")}
    blocking = {_REQUIRE_AUTH, _DISABLE_MASTER, _ACCOUNT_TXN_ID}
    return bool(numbers & blocking) or bool(tx.flags & (0x00040000 | 0x00080000))


ACCOUNT_SET = Transactor(
    preflight=_set_preflight,
    preclaim=_set_preclaim,
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
