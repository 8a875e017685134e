"""``simulate``: what would become of a transaction, which goes nowhere (XLS-69).

Follows rippled src/xrpld/rpc/handlers/transaction/Simulate.cpp: what is signed is refused, what is
missing is filled in, and the rest is tried on a copy of the open ledger. Of what a real server can
do there is left out: blobs, metadata, and transactions that name no key, whose signer it would not
look at.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

from watchtower.sandbox.api.refusal import missing_field, refuse
from watchtower.sandbox.api.request import Answer, Request
from watchtower.sandbox.api.shapes import engine_result
from watchtower.sandbox.engine import apply
from watchtower.sandbox.hashing import account_index
from watchtower.sandbox.state import OpenView
from watchtower.sandbox.transaction import parse_json

__all__ = ["simulate"]

_LEGACY_NETWORKS: Final = 1024


def simulate(request: Request) -> Answer | None:
    """Tell what would become of an unsigned transaction now."""
    given = request.params.get("tx_json")
    if not isinstance(given, dict):
        return refuse("invalidParams", "Invalid field 'tx_json', not object.")
    for name in ("TransactionType", "Account"):
        if name not in given:
            return missing_field(f"tx.{name}")
    if given.get("TxnSignature"):
        return refuse("transactionSigned")
    if not given.get("SigningPubKey"):
        return refuse("notSupported", "The sandbox simulates for who names a key.")
    root = request.node.open_view.read(account_index(str(given["Account"])))
    if root is None and "Sequence" not in given and "TicketSequence" not in given:
        return refuse("srcActNotFound")
    fields: dict[str, Any] = {
        "Fee": str(request.node.price().open_ledger_fee),
        "TxnSignature": "",
        "Sequence": 0 if root is None or "TicketSequence" in given else root["Sequence"],
        **given,
    }
    if request.node.network_id > _LEGACY_NETWORKS:
        fields.setdefault("NetworkID", request.node.network_id)
    try:
        tx = parse_json(fields)
    except ValueError as error:
        return refuse("invalidParams", str(error))
    ground = request.node.network.chain.ground
    apart = replace(ground, view=OpenView(ground.view), known=set(ground.known))
    outcome = apply(tx, apart)
    return {
        **engine_result(outcome.result),
        "applied": outcome.applied,
        "ledger_index": ground.ledger_index,
        "tx_json": {**tx.fields, "hash": tx.hash},
    }
