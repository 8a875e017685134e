"""``misbehave``: the sandbox's own request, by which a server is told what to do wrong.

A real server does not know it. It is read strictly, for a test that believes in a misbehaviour
which never happened proves nothing.
"""

from __future__ import annotations

from typing import Annotated, Any, Final

import msgspec

from watchtower.sandbox.api.refusal import refuse
from watchtower.sandbox.api.request import Answer, Request
from watchtower.sandbox.bystanders import StripAt, UseAt
from watchtower.sandbox.misbehaviour import MEMBERS, changed
from watchtower.sandbox.node import Node

__all__ = ["ACTS", "misbehave"]

_OF_ANY_REQUEST: Final = frozenset(
    {"api_version", "command", "id", "jsonrpc", "method", "ripplerpc"}
)
_Count = Annotated[int, msgspec.Meta(ge=0, le=1_000_000)]
_LedgerIndex = Annotated[int, msgspec.Meta(ge=0, le=2**32 - 1)]


class _Noise(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    transactions: _Count
    fee: _Count = 10


class _Strip(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    count: _Count
    at: StripAt = "submission"


class _Use(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    secret: str
    count: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 1
    at: UseAt = "now"


class _Acts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is done at once, or by others than the server."""

    server: Annotated[int, msgspec.Meta(ge=0)] | None = None
    behave: bool = False
    cut: bool = False
    forget: tuple[_LedgerIndex, _LedgerIndex] | None = None
    noise: _Noise | None = None
    strip_signatures: _Strip | None = None
    use_sequence: _Use | None = None

    def __post_init__(self) -> None:
        if self.forget is not None and self.forget[1] < self.forget[0]:
            raise ValueError("`forget` takes the first and the last ledger, in this order")


ACTS: Final = frozenset(_Acts.__struct_fields__)
"""The members of a request beside those of `Misbehaviour`."""


def misbehave(request: Request) -> Answer:
    """Let a server of the network misbehave, and tell all that holds then."""
    members = {k: v for k, v in request.params.items() if k in MEMBERS}
    others = request.params.keys() - MEMBERS - _OF_ANY_REQUEST
    try:
        acts = msgspec.convert({name: request.params[name] for name in others}, _Acts)
        node = _server(request.node, acts.server)
        changed(node.misbehaviour, members)
        told = _done_by_others(node, acts)
    except (msgspec.ValidationError, ValueError) as error:
        return refuse("invalidParams", str(error))
    holds = node.misbehave(behave=acts.behave, **members)
    if acts.forget is not None:
        node.forget(*acts.forget)
    if acts.cut:
        node.cut()
    return {"server": node.number, "complete_ledgers": node.complete, **holds.told(), **told}


def _server(asked: Node, number: int | None) -> Node:
    if number is None:
        return asked
    if number >= len(asked.servers):
        raise ValueError(f"There is no server {number}: the last one is {len(asked.servers) - 1}.")
    return asked.servers[number]


def _done_by_others(node: Node, acts: _Acts) -> dict[str, Any]:
    """Let bystanders act; return what came of it."""
    told: dict[str, Any] = {}
    if acts.use_sequence is not None:
        use = acts.use_sequence
        told["used"] = list(node.bystanders.use_sequence(use.secret, use.count, use.at))
    if acts.noise is not None:
        node.bystanders.fill(acts.noise.transactions, acts.noise.fee)
    if acts.strip_signatures is not None:
        node.bystanders.strip_signatures(acts.strip_signatures.count, acts.strip_signatures.at)
    return told
