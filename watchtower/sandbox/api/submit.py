"""``submit`` and ``submit_multisigned``: transactions in.

Follows rippled src/xrpld/rpc/handlers/Submit.cpp and detail/TransactionSign.cpp. Only signed
transactions are taken: the sandbox signs nothing for anybody.
"""

from __future__ import annotations

import re
from typing import Any, Final

from watchtower.sandbox.api.refusal import Refusal, missing_field, refuse
from watchtower.sandbox.api.request import Answer, Request
from watchtower.sandbox.api.shapes import engine_result
from watchtower.sandbox.hashing import account_index
from watchtower.sandbox.submission import Submission
from watchtower.sandbox.transaction import parse_blob, parse_json, signature_fault

__all__ = ["submit", "submit_multisigned"]

_HEX: Final = re.compile(r"(?:[0-9A-Fa-f]{2})+\Z")
_SHORTEST: Final = 32
_LONGEST: Final = 1_048_576
"""Bytes of a transaction (rippled include/xrpl/protocol/Protocol.h, tx…SizeBytes)."""


def _invalid(why: str) -> Refusal:
    return Refusal(fields={"error": "invalidTransaction", "error_exception": why})


def submit(request: Request) -> Answer | None:
    """Submit a signed transaction."""
    blob = request.params.get("tx_blob")
    if blob is None:
        return refuse("notSupported", "Signing is not supported by this server.")
    if not isinstance(blob, str) or not _HEX.match(blob):
        return refuse("invalidParams")
    if not _SHORTEST <= len(blob) // 2 <= _LONGEST:
        return _invalid("Transaction length invalid")
    try:
        tx = parse_blob(blob)
    except ValueError as error:
        return _invalid(str(error))
    if tx.hash not in request.node.network.submissions.known and (fault := signature_fault(tx)):
        return _invalid(f"fails local checks: {fault}")
    fail_hard = request.params.get("fail_hard") is True
    submission = request.node.submit(tx, fail_hard=fail_hard)
    return None if submission is None else _told(submission)


def _told(answer: Submission) -> dict[str, Any]:
    told: dict[str, Any] = {
        **engine_result(answer.result),
        "tx_blob": answer.tx.blob,
        "tx_json": {**answer.tx.fields, "hash": answer.tx.hash},
    }
    if answer.next_sequence is not None:
        told |= {
            "accepted": answer.accepted,
            "account_sequence_available": answer.available_sequence,
            "account_sequence_next": answer.next_sequence,
            "applied": answer.applied,
            "broadcast": answer.broadcast,
            "kept": answer.kept,
            "open_ledger_cost": str(answer.open_ledger_cost),
            "queued": answer.queued,
            "validated_ledger_index": answer.validated_index,
        }
    return told


def submit_multisigned(request: Request) -> Answer | None:
    """Submit a transaction that several signed."""
    fields = request.params.get("tx_json")
    if fields is None:
        return missing_field("tx_json")
    fault = _form_fault(request, fields)
    if fault is not None:
        return fault
    try:
        tx = parse_json(dict(fields))
    except ValueError as error:
        return refuse("invalidParams", str(error))
    if signature_fault(tx):
        return refuse("internal", "Invalid signature.")
    answer = request.node.submit(tx, fail_hard=request.params.get("fail_hard") is True)
    if answer is None:
        return None
    return {
        **engine_result(answer.result),
        "tx_blob": tx.blob,
        "tx_json": {**tx.fields, "hash": tx.hash},
    }


def _form_fault(request: Request, fields: object) -> Refusal | None:
    """Return what is missing from the form (TransactionSign.cpp, checkMultiSignFields)."""
    if not isinstance(fields, dict):
        return refuse("invalidParams", "Invalid field 'tx_json', not object.")
    for name in ("TransactionType", "Account", "Sequence", "Fee", "Signers"):
        if name not in fields:
            return missing_field(f"tx_json.{name}")
    if fields.get("SigningPubKey") != "":
        return refuse("invalidParams", "When multi-signing 'tx_json.SigningPubKey' must be empty.")
    if not isinstance(fields["Account"], str):
        return refuse("srcActMalformed")
    if request.node.open_view.read(account_index(fields["Account"])) is None:
        return refuse("srcActNotFound")
    return None
