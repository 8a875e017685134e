"""``ledger_entry``: one entry of the ledger, by its index or by what it is.

Follows rippled src/xrpld/rpc/handlers/LedgerEntry.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any, Final

from watchtower.sandbox.addresses import is_address
from watchtower.sandbox.api.refusal import Refusal, refuse
from watchtower.sandbox.api.request import Answer, Request
from watchtower.sandbox.codec import encode
from watchtower.sandbox.hashing import (
    account_index,
    delegate_index,
    owner_directory_index,
    page_index,
    preauth_index,
    ticket_index,
)

__all__ = ["ledger_entry"]

_HEX: Final = re.compile(r"[0-9A-Fa-f]{64}\Z")


def _malformed(field: str, expected: str) -> Refusal:
    return refuse("malformedRequest", f"Invalid field '{field}', not {expected}.")


def _by_hex(field: str, value: object) -> str | Refusal:
    if not isinstance(value, str) or not _HEX.match(value):
        return _malformed(field, "hex string")
    return value.upper()


def _address(fields: Mapping[str, Any], name: str) -> str | Refusal:
    value = fields.get(name)
    if value is None:
        return refuse("malformedRequest", f"Missing field '{name}'.")
    if not isinstance(value, str) or not is_address(value):
        return refuse("malformedAddress", f"Invalid field '{name}', not AccountID.")
    return value


def _account_root(field: str, value: object) -> str | Refusal:
    address = _address({field: value}, field)
    return address if isinstance(address, Refusal) else account_index(address)


def _two_accounts(first: str, second: str, index: Callable[[str, str], str]) -> _Locator:
    """Return a locator of entries that two accounts name together."""

    def locate(field: str, value: object) -> str | Refusal:
        if not isinstance(value, Mapping):
            return _by_hex(field, value)
        one, other = _address(value, first), _address(value, second)
        if isinstance(one, Refusal):
            return one
        return other if isinstance(other, Refusal) else index(one, other)

    return locate


def _ticket(field: str, value: object) -> str | Refusal:
    if not isinstance(value, Mapping):
        return _by_hex(field, value)
    address, number = _address(value, "account"), value.get("ticket_seq")
    if isinstance(address, Refusal):
        return address
    if not isinstance(number, int):
        return _malformed("ticket_seq", "number")
    return ticket_index(address, number)


def _directory(field: str, value: object) -> str | Refusal:
    if not isinstance(value, Mapping):
        return _by_hex(field, value)
    page = value.get("sub_index", 0)
    if not isinstance(page, int) or page < 0:
        return _malformed("sub_index", "number")
    if "dir_root" in value:
        root = _by_hex("dir_root", value["dir_root"])
    else:
        owner = _address(value, "owner")
        root = owner if isinstance(owner, Refusal) else owner_directory_index(owner)
    return root if isinstance(root, Refusal) else page_index(root, page)


_Locator = Callable[[str, object], str | Refusal]

_LOCATORS: Final[dict[str, tuple[str, _Locator]]] = {
    "index": ("", _by_hex),
    "account_root": ("AccountRoot", _account_root),
    "delegate": ("Delegate", _two_accounts("account", "authorize", delegate_index)),
    "deposit_preauth": ("DepositPreauth", _two_accounts("owner", "authorized", preauth_index)),
    "directory": ("DirectoryNode", _directory),
    "payment_channel": ("PayChannel", _by_hex),
    "signer_list": ("SignerList", _by_hex),
    "ticket": ("Ticket", _ticket),
}
"""Which field names an entry, the type it must be of (any if empty), and how to find it."""


def ledger_entry(request: Request) -> Answer:
    """Show one entry."""
    chosen = request.ledger()
    if isinstance(chosen, Refusal):
        return chosen
    field = next((name for name in _LOCATORS if name in request.params), None)
    if field is None:
        if request.version == 1:
            return refuse("unknownOption")
        return refuse("invalidParams", "No ledger_entry params provided.")
    kind, locate = _LOCATORS[field]
    index = locate(field, request.params[field])
    if isinstance(index, Refusal):
        return index
    entry = chosen.view.read(index)
    if entry is None:
        return refuse("entryNotFound")
    if kind and entry["LedgerEntryType"] != kind:
        return refuse("unexpectedLedgerType")
    shown: dict[str, Any] = {"node": {**entry, "index": index}}
    if request.params.get("binary"):
        shown = {"node_binary": encode(entry)}
    return {"index": index, **shown, **chosen.naming()}
