"""One request as a handler sees it, and what most handlers ask of it: which ledger, which account.

Follows rippled src/xrpld/rpc/detail/RPCHelpers.cpp and RPCLedgerHelpers.cpp.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final, TypeAlias

from watchtower.sandbox.addresses import is_address
from watchtower.sandbox.api.refusal import Refusal, invalid_field, missing_field, refuse
from watchtower.sandbox.ledger import ClosedLedger
from watchtower.sandbox.node import Node
from watchtower.sandbox.state import ReadView
from watchtower.sandbox.streams import Subscriber

__all__ = ["Answer", "ChosenLedger", "Handler", "Request", "read_account", "read_limit"]

Answer: TypeAlias = dict[str, Any] | Refusal
"""What a handler returns: a result, or why there is none."""

_HASH: Final = re.compile(r"[0-9A-Fa-f]{64}\Z")
_NUMBER: Final = re.compile(r"[0-9]{1,10}\Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class ChosenLedger:
    """The ledger that a request is about; ``closed`` is None for the open one."""

    view: ReadView
    index: int
    closed: ClosedLedger | None

    def naming(self) -> dict[str, Any]:
        """Return the members of a result that say which ledger it is of."""
        if self.closed is None:
            return {"ledger_current_index": self.index, "validated": False}
        return {"ledger_hash": self.closed.hash, "ledger_index": self.index, "validated": True}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A request, with the API version it asked for, and who asked."""

    params: Mapping[str, Any]
    version: int
    node: Node
    subscriber: Subscriber

    def ledger(self) -> ChosenLedger | Refusal:
        """Return the ledger that ``ledger_hash`` or ``ledger_index`` names, else the open one."""
        wanted = self.params.get("ledger_hash")
        if wanted is not None:
            if not isinstance(wanted, str):
                return refuse("invalidParams", "ledgerHashNotString")
            if not _HASH.match(wanted):
                return refuse("invalidParams", "ledgerHashMalformed")
            return self._closed(self.node.ledger_by_hash(wanted))
        index = self.params.get("ledger_index", self.params.get("ledger", "current"))
        return self._by_index(index)

    def _by_index(self, index: object) -> ChosenLedger | Refusal:
        node = self.node
        if index in ("", "current"):
            return ChosenLedger(view=node.open_view, index=node.open_index, closed=None)
        if index in ("closed", "validated"):
            return self._closed(node.validated)
        if isinstance(index, str) and _NUMBER.match(index):
            index = int(index)
        if not isinstance(index, int) or isinstance(index, bool) or index < 0:
            return refuse("invalidParams", "ledgerIndexMalformed")
        if index == node.open_index:
            return ChosenLedger(view=node.open_view, index=index, closed=None)
        return self._closed(node.ledger(index))

    def _closed(self, ledger: ClosedLedger | None) -> ChosenLedger | Refusal:
        if ledger is None:
            return refuse("lgrNotFound", "ledgerNotFound")
        view = self.node.snapshot(ledger.index)
        return ChosenLedger(view=view, index=ledger.index, closed=ledger)


Handler: TypeAlias = Callable[[Request], Answer | None]
"""One request's function; None is that the client hears nothing."""


def read_account(request: Request, field: str = "account") -> str | Refusal:
    """Return the address in ``field``."""
    value = request.params.get(field)
    if value is None:
        return missing_field(field)
    if not isinstance(value, str):
        return invalid_field(field)
    if not is_address(value):
        return refuse("actMalformed")
    return value


def read_limit(request: Request, low: int, usual: int, high: int) -> int | Refusal:
    """Return ``limit`` within its bounds (RPCHelpers.cpp, readLimitField)."""
    limit = request.params.get("limit", usual)
    if not isinstance(limit, int) or isinstance(limit, bool) or limit < 0:
        return invalid_field("limit", "unsigned integer")
    if not limit:
        return invalid_field("limit")
    return min(max(limit, low), high)
