"""One transaction against one view: preflight, preclaim, apply.

Follows rippled 3.1.1 src/xrpld/app/tx/detail/Transactor.cpp and applySteps.cpp; functions without a
file are Transactor.cpp's. A transaction leaves its view as it found it unless the result says
*applied*: then the fee is paid and the sequence or ticket used, and with a ``tec`` nothing else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from watchtower.sandbox.account_flags import DISABLE_MASTER, PASSWORD_SPENT
from watchtower.sandbox.entries import Entry, drops, has_flag, put_drops
from watchtower.sandbox.hashing import (
    account_index,
    address_of_key,
    delegate_index,
    signer_list_index,
    ticket_index,
)
from watchtower.sandbox.metadata import describe
from watchtower.sandbox.results import SUCCESS, is_applied, is_claimed
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.signatures import is_public_key
from watchtower.sandbox.state import ApplyView, OpenView
from watchtower.sandbox.transaction import Transaction, signing_address
from watchtower.sandbox.transactors import TRANSACTORS
from watchtower.sandbox.transactors.context import (
    INNER_BATCH,
    MAX_XRP,
    NO_ACCOUNT,
    UNIVERSAL_FLAGS,
    ApplyContext,
    PreclaimContext,
)
from watchtower.sandbox.transactors.delegate import is_permitted
from watchtower.sandbox.transactors.tickets import use_ticket

__all__ = ["Applied", "Ground", "apply", "base_fee", "preclaim", "preflight"]

_LEGACY_NETWORKS: Final = 1024
"""Up to this id a network's transactions do not name it (preflight0)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ground:
    """Where a transaction is applied: the view, and the ledger it is part of.

    ``is_open`` is the open ledger, which asks for the minimum fee and writes no metadata;
    ``known`` are the hashes already in that ledger.
    """

    view: OpenView
    rules: Rules
    ledger_index: int
    parent_close_time: int
    is_open: bool
    known: set[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What became of a transaction; ``meta`` only where it was applied to a closing ledger."""

    result: str
    applied: bool
    meta: dict[str, Any] | None = None


def base_fee(tx: Transaction, view: OpenView, rules: Rules) -> int:
    """Return the drops the transaction must pay at least: one base fee, and one for each signer.

    (calculateBaseFee.) Setting a regular key is free once, with the master key (SetRegularKey.cpp,
    calculateBaseFee).
    """
    if tx.kind == "SetRegularKey" and signing_address(tx) == tx.account:
        root = view.read(account_index(tx.account))
        if root is not None and not has_flag(root, PASSWORD_SPENT):
            return 0
    return rules.base_fee * (1 + len(tx.signers))


def preflight(tx: Transaction, rules: Rules) -> str:
    """Return what is wrong with the transaction whatever the state (preflight1, preflight0)."""
    transactor = TRANSACTORS.get(tx.kind)
    if transactor is None:
        return "temUNKNOWN"  # applySteps.cpp, invoke_preflight
    key = tx.fields.get("SigningPubKey", "")
    is_delegated = "Delegate" in tx.fields
    checks = (
        (
            is_delegated and not rules.enabled("PermissionDelegation", "PermissionDelegationV1_1"),
            "temDISABLED",
        ),
        (is_delegated and tx.fields["Delegate"] == tx.account, "temBAD_SIGNER"),
        *_network_checks(tx, rules),
        (bool(tx.flags & ~(UNIVERSAL_FLAGS | transactor.flags)), "temINVALID_FLAG"),
        (tx.account == NO_ACCOUNT, "temBAD_SRC_ACCOUNT"),
        (not 0 <= tx.fee <= MAX_XRP, "temBAD_FEE"),
        (bool(key) and not is_public_key(key), "temBAD_SIGNATURE"),
        # Tickets free a transaction from any order, which AccountTxnID would impose.
        (tx.seat.ticket and "AccountTxnID" in tx.fields, "temINVALID"),
        # Batch is not enabled, and so nothing stands within one.
        (bool(tx.flags & INNER_BATCH), "temINVALID_FLAG"),
    )
    fault = next((code for is_so, code in checks if is_so), None)
    return fault or transactor.preflight(tx, rules)


def _network_checks(tx: Transaction, rules: Rules) -> Iterator[tuple[bool, str]]:
    """(preflight0.) Old networks forbid to name them; newer ones ask for their own name."""
    named = tx.fields.get("NetworkID")
    if rules.network_id <= _LEGACY_NETWORKS:
        yield named is not None, "telNETWORK_ID_MAKES_TX_NON_CANONICAL"
    else:
        yield named is None, "telREQUIRES_NETWORK_ID"
        yield named != rules.network_id, "telWRONG_NETWORK"


def preclaim(tx: Transaction, ground: Ground) -> str:
    """Return whether the state lets the transaction claim its fee.

    (applySteps.cpp, invoke_preclaim: in this order)
    """
    root = ground.view.read(account_index(tx.account))
    if root is None:
        return "terNO_ACCOUNT"
    fault = (
        _seat_fault(tx, root, ground)
        or _prior_fault(tx, root, ground)
        or _fee_fault(tx, ground)
        or _permission_fault(tx, ground)
        or _signer_fault(tx, ground)
    )
    if fault:
        return fault
    context = PreclaimContext(
        tx=tx,
        view=ground.view,
        rules=ground.rules,
        is_open=ground.is_open,
        ledger_index=ground.ledger_index,
    )
    return TRANSACTORS[tx.kind].preclaim(context)


def _seat_fault(tx: Transaction, root: Entry, ground: Ground) -> str | None:
    """(checkSeqProxy.) What may still come about is ``ter``; what is used up is ``tef``."""
    if tx.seat.ticket:
        # Whoever creates tickets in a ledger that is not there yet will have this number.
        if root["Sequence"] <= tx.seat.number:
            return "terPRE_TICKET"
        if ground.view.read(ticket_index(tx.account, tx.seat.number)) is None:
            return "tefNO_TICKET"
        return None
    if "TicketSequence" in tx.fields:
        return "temSEQ_AND_TICKET"
    if tx.seat.number == root["Sequence"]:
        return None
    return "terPRE_SEQ" if root["Sequence"] < tx.seat.number else "tefPAST_SEQ"


def _prior_fault(tx: Transaction, root: Entry, ground: Ground) -> str | None:
    """(checkPriorTxAndLastLedger; tefMAX_LEDGER is Transactor.cpp:574)."""
    wanted = tx.fields.get("AccountTxnID")
    if wanted is not None and root.get("AccountTxnID") != wanted:
        return "tefWRONG_PRIOR"
    if tx.last_ledger is not None and ground.ledger_index > tx.last_ledger:
        return "tefMAX_LEDGER"
    return "tefALREADY" if tx.hash in ground.known else None


def _fee_fault(tx: Transaction, ground: Ground) -> str | None:
    """(checkFee.) Only the open ledger asks for the minimum; a delegate pays for what it sends."""
    if ground.is_open and tx.fee < base_fee(tx, ground.view, ground.rules):
        return "telINSUF_FEE_P"
    if not tx.fee:
        return None
    payer = ground.view.read(account_index(tx.fee_payer))
    if payer is None:
        return "terNO_ACCOUNT"
    balance = drops(payer, "Balance")
    if balance >= tx.fee:
        return None
    # A ledger that closes takes what there is (checkFee, and then reset).
    return "tecINSUFF_FEE" if balance and not ground.is_open else "terINSUF_FEE_B"


def _permission_fault(tx: Transaction, ground: Ground) -> str | None:
    """(checkPermission.) Since V1_1 a missing permission may be retried, and costs nothing."""
    if "Delegate" not in tx.fields:
        return None
    permission = ground.view.read(delegate_index(tx.account, tx.fields["Delegate"]))
    if is_permitted(permission, tx):
        return None
    if ground.rules.enabled("PermissionDelegationV1_1"):
        return "terNO_DELEGATE_PERMISSION"
    return "tecNO_DELEGATE_PERMISSION"


def _signer_fault(tx: Transaction, ground: Ground) -> str | None:
    """(checkSign, checkSingleSign.) A disabled master key may still be the regular one."""
    account = tx.fields.get("Delegate", tx.account)
    if "Signers" in tx.fields:
        return _signer_list_fault(tx, account, ground)
    root = ground.view.read(account_index(account))
    signer = signing_address(tx)
    if root is None:
        return "terNO_ACCOUNT"
    if root.get("RegularKey") == signer:
        return None
    if signer != account:
        return "tefBAD_AUTH"
    return "tefMASTER_DISABLED" if has_flag(root, DISABLE_MASTER) else None


def _signer_list_fault(tx: Transaction, account: str, ground: Ground) -> str | None:
    """(checkMultiSign.) All signers must be good ones, and weigh enough together."""
    signer_list = ground.view.read(signer_list_index(account))
    if signer_list is None:
        return "tefNOT_MULTI_SIGNING"
    weights = {
        e["SignerEntry"]["Account"]: e["SignerEntry"]["SignerWeight"]
        for e in signer_list["SignerEntries"]
    }
    weight = 0
    for signer in tx.signers:
        if signer["Account"] not in weights:
            return "tefBAD_SIGNATURE"
        if fault := _multi_signer_fault(signer, ground):
            return fault
        weight += weights[signer["Account"]]
    return "tefBAD_QUORUM" if weight < signer_list["SignerQuorum"] else None


def _multi_signer_fault(signer: dict[str, Any], ground: Ground) -> str | None:
    """(checkMultiSign.) A signer is a key without an account, or a key that its account has."""
    root = ground.view.read(account_index(signer["Account"]))
    if address_of_key(signer["SigningPubKey"]) == signer["Account"]:
        if root is not None and has_flag(root, DISABLE_MASTER):
            return "tefMASTER_DISABLED"
        return None
    if root is None or root.get("RegularKey") != address_of_key(signer["SigningPubKey"]):
        return "tefBAD_SIGNATURE"
    return None


def apply(
    tx: Transaction, ground: Ground, *, retry: bool = False, fail_hard: bool = False
) -> Applied:
    """Apply the transaction if it may be; the view is changed only then.

    Args:
        tx: the transaction; its signature was checked before.
        ground: where.
        retry: a ``tec`` is not taken yet, since another order may do better (tapRETRY;
            applySteps.h, likelyToClaimFee).
        fail_hard: a ``tec`` is not taken at all (tapFAIL_HARD: operator()).
    """
    result = preflight(tx, ground.rules)
    if result == SUCCESS:
        result = preclaim(tx, ground)
    if result == SUCCESS:
        view = ApplyView(ground.view)
        result = _run(tx, view, ground)
        if result == SUCCESS:
            return _keep(tx, view, result, ground)
    if not is_claimed(result) or retry or fail_hard:
        return Applied(result=result, applied=False)
    view = ApplyView(ground.view)
    seated = _take_fee_and_seat(tx, view, ground, reset=True)
    if seated != SUCCESS:
        return Applied(result=seated, applied=False)
    return _keep(tx, view, result, ground)


def _run(tx: Transaction, view: ApplyView, ground: Ground) -> str:
    """(apply.) The fee and the seat go first, so that the rules see what is left."""
    root = view.read(account_index(tx.account))
    context = ApplyContext(
        tx=tx,
        view=view,
        rules=ground.rules,
        is_open=ground.is_open,
        ledger_index=ground.ledger_index,
        parent_close_time=ground.parent_close_time,
        prior_balance=drops(root, "Balance") if root else 0,
        base_fee=base_fee(tx, ground.view, ground.rules),
    )
    seated = _take_fee_and_seat(tx, view, ground)
    return TRANSACTORS[tx.kind].apply(context) if seated == SUCCESS else seated


def _take_fee_and_seat(
    tx: Transaction, view: ApplyView, ground: Ground, *, reset: bool = False
) -> str:
    """Use the sequence or ticket and take the fee (apply: consumeSeqProxy, payFee; reset).

    A ``tec`` may take less than the whole fee: all that the payer has.
    """
    root = view.peek(account_index(tx.account))
    payer = view.peek(account_index(tx.fee_payer))
    if root is None or payer is None:
        return "tefINTERNAL"
    if tx.seat.ticket:
        used = use_ticket(view, tx.account, tx.seat.number)
        if used != SUCCESS:
            return used
    else:
        root["Sequence"] = tx.seat.number + 1
    balance = drops(payer, "Balance")
    if reset and not balance and tx.fee:
        return "tefINTERNAL" if ground.is_open else "terINSUF_FEE_B"
    put_drops(payer, "Balance", balance - min(tx.fee, balance))
    if "AccountTxnID" in root:
        root["AccountTxnID"] = tx.hash
    return SUCCESS


def _keep(tx: Transaction, view: ApplyView, result: str, ground: Ground) -> Applied:
    """Write the transaction's changes into the view, with metadata if the ledger is closing.

    (ApplyStateTable.cpp, apply: an open ledger has none)
    """
    if not is_applied(result):
        raise AssertionError(result)
    meta = None
    if not ground.is_open:
        meta = {
            "AffectedNodes": describe(view, tx.hash, ground.ledger_index),
            "TransactionIndex": len(ground.known),
            "TransactionResult": result,
        }
    ground.view.merge(view.changes())
    ground.known.add(tx.hash)
    return Applied(result=result, applied=True, meta=meta)
