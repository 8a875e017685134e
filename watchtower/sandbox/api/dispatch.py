"""From a frame to its answer.

Follows rippled src/xrpld/rpc/detail/ServerHandler.cpp (onWSMessage, processSession): what is no
JSON object is ``jsonInvalid``, what names no command ``missingCommand``, and every other answer
says what it answers by the request's own ``id`` and, if it failed, by the request itself.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

import msgspec

from watchtower.sandbox.api import (
    accounts,
    claims,
    entries,
    ledgers,
    misbehave,
    server,
    simulate,
    submit,
    subscriptions,
    transactions,
)
from watchtower.sandbox.api.refusal import Refusal, refuse
from watchtower.sandbox.api.request import Answer, Handler, Request
from watchtower.sandbox.late_log import LateLogger
from watchtower.sandbox.lies import told_wrong
from watchtower.sandbox.misbehaviour import Kind
from watchtower.sandbox.node import Node
from watchtower.sandbox.streams import Subscriber

__all__ = ["COMMANDS", "Charge", "answer"]

_log = LateLogger(__name__)

Charge = Callable[[str | None, str | None], bool]

_LARGEST: Final = 1_000_000
"""Bytes of a request (rippled src/xrpld/rpc/detail/Tuning.h, maxRequestSize)."""

_VERSIONS: Final = (1, 2)
_SECRETS: Final = frozenset({"passphrase", "secret", "seed", "seed_hex"})
_ECHOED: Final = ("id", "jsonrpc", "ripplerpc", "api_version")

COMMANDS: Final[dict[str, Handler]] = {
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
    "misbehave": misbehave.misbehave,
    "ping": server.ping,
    "server_info": server.server_info,
    "server_state": server.server_state,
    "simulate": simulate.simulate,
    "submit": submit.submit,
    "submit_multisigned": submit.submit_multisigned,
    "subscribe": subscriptions.subscribe,
    "tx": transactions.tx,
    "unsubscribe": subscriptions.unsubscribe,
    "version": server.version,
}
"""Every request there is, by its name."""

_NEEDING_A_LEDGER: Final = frozenset(
    {
        "fee",
        "ledger_closed",
        "ledger_current",
        "simulate",
        "submit",
        "submit_multisigned",
        "tx",
    }
)
"""What a server that amendments block refuses (rippled src/xrpld/rpc/detail/Handler.h conditionMet,
Handler.cpp); there ``ledger_accept`` too, which here moves all servers at once."""

_OF_THE_HAND: Final = frozenset({"ledger_accept", "misbehave"})


def answer(
    node: Node,
    subscriber: Subscriber,
    frame: str | bytes,
    charge: Charge = lambda _command, _error: False,
) -> tuple[str, Kind | None] | None:
    """Return the answer to one frame and what kind of message it is, or None if it gets none.

    Args:
        node: the server.
        subscriber: who asks.
        frame: the request.
        charge: is told the command, None if there is none, and the error that it was refused with;
            says whether to warn of the load.

    Returns:
        No kind for what the sandbox's own hand asks, which no luck is to get in the way of.
    """
    message = _read(frame)
    if message is None:
        charge(None, "jsonInvalid")
        text = frame if isinstance(frame, str) else frame.decode(errors="replace")
        return _write({"type": "error", "error": "jsonInvalid", "value": text}), "response"
    fault = _form_fault(message)
    command = None if fault else message.get("command", message.get("method"))
    told: dict[str, Any] | None = {"error": fault, "request": message, "status": "error"}
    if command is not None:
        told = _serve(node, subscriber, command, message)
    is_to_be_warned = charge(command, None if told is None else told.get("error"))
    if told is None:
        return None
    if is_to_be_warned:
        told["warning"] = "load"
    echoed: dict[str, Any] = {name: message[name] for name in _ECHOED if name in message}
    kind: Kind | None = None if command in _OF_THE_HAND else "response"
    return _write({**told, **echoed, "type": "response"}), kind


def _read(frame: str | bytes) -> dict[str, Any] | None:
    if len(frame.encode(errors="replace") if isinstance(frame, str) else frame) > _LARGEST:
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


def _serve(
    node: Node, subscriber: Subscriber, command: str, message: Mapping[str, Any]
) -> dict[str, Any] | None:
    request = Request(
        params=message, version=message.get("api_version", 1), node=node, subscriber=subscriber
    )
    is_blocked = node.misbehaviour.amendment_blocked and command in _NEEDING_A_LEDGER
    handler = COMMANDS.get(command)
    outcome = refuse("amendmentBlocked") if is_blocked else _guarded(handler, request)
    if outcome is None:
        return None
    if not isinstance(outcome, Refusal):
        return {
            "result": told_wrong(outcome, node.misbehaviour.lies_about(command)),
            "status": "success",
        }
    masked = {k: "<masked>" if k in _SECRETS else v for k, v in message.items()}
    return {**outcome.fields, "request": masked, "status": "error"}


def _guarded(handler: Handler | None, request: Request) -> Answer | None:
    """Return a handler's answer; a field that it did not expect is an internal error, as there."""
    if handler is None:
        return refuse("unknownCmd")
    try:
        return handler(request)
    except Exception:  # noqa: BLE001 - one client's odd request must not end the server
        _log.warning("sandbox_request_failed", command=request.params.get("command"), exc_info=True)
        return refuse("internal")
