"""``subscribe`` and ``unsubscribe``: who hears what.

Follows rippled src/xrpld/rpc/handlers/Subscribe.cpp. What stands before a mistake in a request has
been subscribed to when it is refused, as there.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from watchtower.sandbox.addresses import is_address
from watchtower.sandbox.api.refusal import Refusal, refuse
from watchtower.sandbox.api.request import Answer, Request
from watchtower.sandbox.streams import STREAMS, ledger_facts

__all__ = ["subscribe", "unsubscribe"]

_OLD_NAMES: Final = {"rt_transactions": "transactions_proposed"}


def subscribe(request: Request) -> Answer:
    """Begin to listen; with the ledger stream, be told where the ledger is."""
    streams, subscriber = request.node.streams, request.subscriber
    subscriber.version = request.version
    fault = _each_stream(request, lambda name: streams.join(subscriber, name)) or _each_account(
        request, lambda a, proposed: streams.watch(subscriber, a, proposed=proposed)
    )
    if fault is not None:
        return fault
    told: dict[str, Any] = {}
    if "ledger" in request.params.get("streams", []):
        told |= ledger_facts(request.node)
    return told


def unsubscribe(request: Request) -> Answer:
    """Stop listening."""
    streams, subscriber = request.node.streams, request.subscriber
    fault = _each_stream(request, lambda name: streams.leave(subscriber, name)) or _each_account(
        request, lambda a, proposed: streams.unwatch(subscriber, a, proposed=proposed)
    )
    return {} if fault is None else fault


def _each_stream(request: Request, act: Callable[[str], None]) -> Refusal | None:
    names = request.params.get("streams", [])
    if not isinstance(names, list):
        return refuse("invalidParams")
    for name in names:
        stream = _OLD_NAMES.get(name, name) if isinstance(name, str) else None
        if stream not in STREAMS:
            return refuse("malformedStream")
        act(stream)
    return None


def _each_account(request: Request, act: Callable[[str, bool], None]) -> Refusal | None:
    proposed = "accounts_proposed" if "accounts_proposed" in request.params else "rt_accounts"
    for field in (proposed, "accounts"):
        if field not in request.params:
            continue
        accounts = request.params[field]
        if not isinstance(accounts, list):
            return refuse("invalidParams")
        # One bad address and none of the list is taken (RPCHelpers.cpp, parseAccountIds).
        good = [a for a in accounts if isinstance(a, str) and is_address(a)]
        if not good or len(good) < len(accounts):
            return refuse("actMalformed")
        for account in good:
            act(account, field != "accounts")
    return None
