"""``account_info``, ``account_channels``, ``account_objects``: an account and what it owns.

Follows rippled src/xrpld/rpc/handlers/AccountInfo.cpp, AccountChannels.cpp, AccountObjects.cpp.
"""

from __future__ import annotations

import re
from typing import Any, Final

from watchtower.sandbox.account_flags import FLAG_NAMES
from watchtower.sandbox.addresses import is_address
from watchtower.sandbox.api.refusal import Refusal, invalid_field, refuse
from watchtower.sandbox.api.request import Answer, ChosenLedger, Request, read_account, read_limit
from watchtower.sandbox.directories import pages
from watchtower.sandbox.entries import Entry, has_flag
from watchtower.sandbox.hashing import (
    account_index,
    node_public_key,
    owner_directory_index,
    signer_list_index,
)
from watchtower.sandbox.queued import Queued

__all__ = ["account_channels", "account_info", "account_objects"]

_LIMITS: Final = (10, 200, 400)
"""Least, usual and most entries a page (rippled src/xrpld/rpc/detail/Tuning.h)."""

_MARKER: Final = re.compile(r"([0-9A-Fa-f]{64}),([0-9A-Fa-f]{64})\Z")
_TYPES: Final = {
    "delegate": "Delegate",
    "deposit_preauth": "DepositPreauth",
    "payment_channel": "PayChannel",
    "signer_list": "SignerList",
    "ticket": "Ticket",
}
_TYPES_NOT_HERE: Final = frozenset(
    {
        "amm", "bridge", "check", "credential", "did", "escrow", "mpt_issuance", "mptoken",
        "nft_offer", "nft_page", "offer", "oracle", "permissioned_domain", "state", "vault",
    }
)  # fmt: skip
_BLOCKERS: Final = frozenset({"PayChannel"})
"""What an account cannot be deleted with (AccountDelete.cpp), of the types there are here."""


def account_info(request: Request) -> Answer:
    """Show an account's root, its flags by name, and its queue if asked for."""
    field = "ident" if "account" not in request.params and "ident" in request.params else "account"
    account = read_account(request, field)
    chosen = request.ledger()
    if isinstance(account, Refusal):
        return account
    if isinstance(chosen, Refusal):
        return chosen
    root = chosen.view.read(account_index(account))
    if root is None:
        return refuse("actNotFound", account=account, **chosen.naming())
    if request.params.get("queue") and chosen.closed is not None:
        return refuse("invalidParams")
    answer: dict[str, Any] = {
        "account_data": {**root, "index": account_index(account)},
        "account_flags": {name: has_flag(root, flag) for name, flag in FLAG_NAMES.items()},
        **chosen.naming(),
    }
    if request.params.get("signer_lists"):
        home = answer if request.version > 1 else answer["account_data"]
        home["signer_lists"] = _signer_lists(account, chosen)
    if request.params.get("queue"):
        answer["queue_data"] = _queue(request.node.waiting(account))
    return answer


def _signer_lists(account: str, chosen: ChosenLedger) -> list[Entry]:
    index = signer_list_index(account)
    signer_list = chosen.view.read(index)
    return [] if signer_list is None else [{**signer_list, "index": index}]


def _queue(waiting: list[Queued]) -> dict[str, Any]:
    """Return what waits, by its seats (AccountInfo.cpp, queue_data)."""
    if not waiting:
        return {"txn_count": 0}
    data: dict[str, Any] = {
        "auth_change_queued": any(e.is_blocker for e in waiting),
        "max_spend_drops_total": str(sum(e.tx.fee + e.spends for e in waiting)),
        "transactions": [_waiting(e) for e in waiting],
        "txn_count": len(waiting),
    }
    for name, is_ticket in (("sequence", False), ("ticket", True)):
        numbers = [e.tx.seat.number for e in waiting if e.tx.seat.ticket is is_ticket]
        if numbers:
            data[f"{name}_count"] = len(numbers)
            data[f"lowest_{name}"], data[f"highest_{name}"] = numbers[0], numbers[-1]
    return data


def _waiting(entry: Queued) -> dict[str, Any]:
    tx = entry.tx
    last = {} if tx.last_ledger is None else {"LastLedgerSequence": tx.last_ledger}
    return {
        "auth_change": entry.is_blocker,
        "fee": str(tx.fee),
        "fee_level": str(entry.level),
        "max_spend_drops": str(tx.fee + entry.spends),
        "ticket" if tx.seat.ticket else "seq": tx.seat.number,
        **last,
    }


def account_channels(request: Request) -> Answer:
    """List the channels that an account is the *source* of."""
    account, chosen = read_account(request), request.ledger()
    if isinstance(account, Refusal):
        return account
    if isinstance(chosen, Refusal):
        return chosen
    if chosen.view.read(account_index(account)) is None:
        return refuse("actNotFound")
    destination = request.params.get("destination_account")
    if destination is not None and not is_address(destination):
        return refuse("actMalformed")
    limit = read_limit(request, *_LIMITS)
    if isinstance(limit, Refusal):
        return limit
    found, marker = _owned(request, chosen, account, limit, frozenset({"PayChannel"}))
    if found is None:
        return invalid_field("marker")
    channels = [
        _channel(index, entry)
        for index, entry in found
        if entry["Account"] == account and destination in (None, entry["Destination"])
    ]
    paging = {"limit": limit, "marker": marker} if marker else {}
    return {"account": account, "channels": channels, **paging, **chosen.naming()}


def _channel(index: str, entry: Entry) -> dict[str, Any]:
    shown = {
        "account": entry["Account"],
        "amount": entry["Amount"],
        "balance": entry["Balance"],
        "channel_id": index,
        "destination_account": entry["Destination"],
        "public_key": node_public_key(entry["PublicKey"]),
        "public_key_hex": entry["PublicKey"],
        "settle_delay": entry["SettleDelay"],
    }
    optional = {
        "cancel_after": "CancelAfter",
        "destination_tag": "DestinationTag",
        "expiration": "Expiration",
        "source_tag": "SourceTag",
    }
    return shown | {name: entry[field] for name, field in optional.items() if field in entry}


def account_objects(request: Request) -> Answer:
    """List all entries in an account's directory, or those of a type."""
    account, chosen = read_account(request), request.ledger()
    if isinstance(account, Refusal):
        return account
    if isinstance(chosen, Refusal):
        return chosen
    if chosen.view.read(account_index(account)) is None:
        return refuse("actNotFound")
    kinds = _kinds(request)
    if isinstance(kinds, Refusal):
        return kinds
    limit = read_limit(request, *_LIMITS)
    if isinstance(limit, Refusal):
        return limit
    found, marker = _owned(request, chosen, account, limit, kinds)
    if found is None:
        return invalid_field("marker")
    objects = [{**entry, "index": index} for index, entry in found]
    paging = {"limit": limit, "marker": marker} if marker else {}
    return {"account": account, "account_objects": objects, **paging, **chosen.naming()}


def _kinds(request: Request) -> frozenset[str] | Refusal | None:
    """Return the entry types that are asked for, None for all."""
    wanted = request.params.get("type")
    if request.params.get("deletion_blockers_only"):
        return _BLOCKERS
    if wanted is None:
        return None
    if wanted in _TYPES:
        return frozenset({_TYPES[wanted]})
    return frozenset() if wanted in _TYPES_NOT_HERE else invalid_field("type")


def _owned(
    request: Request, chosen: ChosenLedger, account: str, limit: int, kinds: frozenset[str] | None
) -> tuple[list[tuple[str, Entry]] | None, str | None]:
    """Return a page of what the account's directory holds, and where the next page begins.

    The limit counts entries of the directory, whatever their type, so a page may be empty and yet
    have a next one (rippled src/xrpld/rpc/detail/RPCHelpers.cpp, getAccountObjects). None instead
    of a page says that the marker points nowhere.
    """
    first, start = None, None
    if "marker" in request.params:
        marker = request.params["marker"]
        place = _MARKER.match(marker) if isinstance(marker, str) else None
        if place is None:
            return None, None
        first, start = place[1].upper(), place[2].upper()
    found: list[tuple[str, Entry]] = []
    seen = 0
    for page_index, page in pages(chosen.view, account, first):
        indexes = page["Indexes"]
        if start is not None:
            if page.get("RootIndex") != owner_directory_index(account) or start not in indexes:
                return None, None
            indexes, start = indexes[indexes.index(start) :], None
        for index in indexes:
            if seen == limit:
                return found, f"{page_index},{index}"
            seen += 1
            entry = chosen.view.read(index)
            if entry is not None and (kinds is None or entry["LedgerEntryType"] in kinds):
                found.append((index, entry))
    return (None, None) if start is not None else (found, None)
