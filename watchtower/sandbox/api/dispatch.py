"""From a frame to its answer.

Follows rippled src/xrpld/rpc/detail/ServerHandler.cpp (onWSMessage, processSession): what is no
JSON object is ``jsonInvalid``, what names no command ``missingCommand``, and every other answer
says what it answers by the request's own ``id`` and, if it failed, by the request itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec
import structlog

from watchtower.sandbox.api import (
    accounts,
    claims,
    entries,
    ledgers,
    server,
    submit,
    subscriptions,
    transactions,
)
from watchtower.sandbox.api.refusal import Refusal, refuse
from watchtower.sandbox.api.request import Answer, Handler, Request
from watchtower.sandbox.node import Node
from watchtower.sandbox.streams import Subscriber

__all__ = ["answer"]

_log = structlog.get_logger(__name__)

Charge = Callable[[str | None, str | None], bool]

_LARGEST: Final = 1_000_000
"""Bytes of a request (rippled src/xrpld/rpc/detail/Tuning.h, maxRequestSize)."""

_VERSIONS: Final = (1, 2)
_SECRETS: Final = frozenset({"passphrase", "secret", "seed", "seed_hex"})
_ECHOED: Final = ("id", "jsonrpc", "ripplerpc", "api_version")

_COMMANDS: Final[dict[str, Handler]] = {
    "account_channels": accounts.account_channels,
    "account_info": accounts.account_info,
    "account_objects": accounts.account_objects,
    "account_tx": transactions.account_tx,
    "channel_verify": claims.channel_verify,
    "fee": server.fee,
    "ledger": ledgers.ledger,
    "ledger_accept": ledgers.ledger_accept,
    "ledger_closed": ledgers.ledger_closed,
    "ledger_current": ledgers.ledger_current,
    "ledger_entry": entries.ledger_entry,
    "ping": server.ping,
    "server_info": server.server_info,
    "server_state": server.server_state,
    "submit": submit.submit,
    "submit_multisigned": submit.submit_multisigned,
    "subscribe": subscriptions.subscribe,
    "tx": transactions.tx,
    "unsubscribe": subscriptions.unsubscribe,
    "version": server.version,
}


def answer(
    node: Node,
    subscriber: Subscriber,
    frame: str | bytes,
    charge: Charge = lambda _command, _error: False,
) -> str:
    """Return the answer to one frame.

    Args:
        node: the server.
        subscriber: who asks.
        frame: the request.
        charge: is told the command, None if there is none, and the error that it was refused with;
            says whether to warn of the load.
    """
    message = _read(frame)
    if message is None:
        charge(None, "jsonInvalid")
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        return _write({"type": "error", "error": "jsonInvalid", "value": text})
    fault = _form_fault(message)
    if fault is not None:
        told: dict[str, Any] = {"error": fault, "request": message, "status": "error"}
    else:
        told = _serve(node, subscriber, message)
    command = None if fault else message.get("command", message.get("method"))
    if charge(command, told.get("error")):
        told["warning"] = "load"
    return _write({**told, **{k: message[k] for k in _ECHOED if k in message}, "type": "response"})


def _read(frame: str | bytes) -> dict[str, Any] | None:
    if len(frame) > _LARGEST:
        return None
    try:
        message = msgspec.json.decode(frame)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return message if isinstance(message, dict) else None


def _write(message: Mapping[str, Any]) -> str:
    return msgspec.json.encode(message).decode()


def _form_fault(message: Mapping[str, Any]) -> str | None:
    version = message.get("api_version", 1)
    if isinstance(version, bool) or version not in _VERSIONS:
        return "invalid_API_version"
    names = [message[k] for k in ("command", "method") if k in message]
    is_good = names and all(isinstance(n, str) and n == names[0] for n in names)
    return None if is_good else "missingCommand"


def _serve(node: Node, subscriber: Subscriber, message: Mapping[str, Any]) -> dict[str, Any]:
    handler = _COMMANDS.get(message.get("command", message.get("method")))
    request = Request(
        params=message, version=message.get("api_version", 1), node=node, subscriber=subscriber
    )
    outcome = _guarded(handler, request)
    if not isinstance(outcome, Refusal):
        return {"result": outcome, "status": "success"}
    masked = {k: "<masked>" if k in _SECRETS else v for k, v in message.items()}
    return {**outcome.fields, "request": masked, "status": "error"}


def _guarded(handler: Handler | None, request: Request) -> Answer:
    """Return a handler's answer; a field that it did not expect is an internal error, as there."""
    if handler is None:
        return refuse("unknownCmd")
    try:
        return handler(request)
    except Exception:  # noqa: BLE001 - one client's odd request must not end the server
        _log.warning("sandbox_request_failed", command=request.params.get("command"), exc_info=True)
        return refuse("internal")
