"""Channels as one server's validated ledger holds them: one by id, or all that pay an account.

What it guarantees: what is returned was read from a validated ledger, and carries that ledger's
position. The state is read at the end of the ledger, so it stands behind all its transactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Protocol

from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.ledger.decode import decode_entry
from watchtower.ledger.events import (
    END_OF_LEDGER,
    ChannelChanged,
    ChannelMissing,
    Position,
)
from watchtower.ledger.wire import integer, result_of
from watchtower.units import Address, ChannelId, LedgerIndex

__all__ = ["StateServer", "find_inbound_channels", "read_channel"]

_PAGE: Final = 200
"""Entries a page (rippled Tuning.h, accountObjects, allows 10 to 400)."""

_NO_CHANNEL: Final = frozenset({"entryNotFound", "unexpectedLedgerType"})
"""Refusals that say there is no such channel: no entry at all, or one of another type, which an
id of a channel can never come to be (rippled src/xrpld/rpc/handlers/LedgerEntry.cpp)."""


class StateServer(Protocol):
    """One server that knows the present state."""

    @property
    def url(self) -> str:
        """Its address."""
        ...

    @property
    def validated(self) -> LedgerIndex | None:
        """The newest ledger that it announced."""
        ...

    async def request(self, command: str, **params: object) -> Mapping[str, Any]:
        """Ask it and return the result."""
        ...


async def read_channel(server: StateServer, channel: ChannelId) -> ChannelChanged | ChannelMissing:
    """Return the state of one channel in the server's newest validated ledger.

    Raises:
        AnswerError: the answer is not from a validated ledger, or not about this channel.
        LedgerError: the server could not be asked, or refused.
    """
    # An "entryNotFound" of xrpld 3.1.1 does not say which ledger it looked into. It was not an
    # older one than the server had announced before it was asked.
    known_before = server.validated
    try:
        result = await server.request(
            "ledger_entry", payment_channel=channel, ledger_index="validated"
        )
    except RequestRefusedError as refused:
        if refused.facts["error"] not in _NO_CHANNEL:
            raise
        return _missing(server, channel, refused.facts["answer"], known_before)
    at = _validated_position(server, "ledger_entry", result)
    node = result.get("node")
    entry = decode_entry(node, server=server.url) if isinstance(node, Mapping) else None
    if entry is None or entry.channel != channel:
        raise AnswerError(
            server=server.url, command="ledger_entry", why="it is not the channel asked for"
        )
    return ChannelChanged(entry=entry, at=at)


async def find_inbound_channels(
    server: StateServer, account: Address
) -> tuple[ChannelChanged, ...]:
    """Return all channels that pay ``account``, all read from one validated ledger.

    A page without a channel but with a marker is normal: limits count directory entries of every
    kind (docs/ledger-rules.md, Metadata).

    Raises:
        AnswerError: a page is not from the one validated ledger, or pages go round in circles.
        LedgerError: the server could not be asked, or refused.
    """
    command = "account_objects"
    params: dict[str, object] = {"ledger_index": "validated"}
    found: list[ChannelChanged] = []
    while True:
        try:
            page = await server.request(
                command, account=account, type="payment_channel", limit=_PAGE, **params
            )
        except RequestRefusedError as refused:
            if refused.facts["error"] != "actNotFound":
                raise
            return ()
        at = _validated_position(server, command, page)
        if params["ledger_index"] not in ("validated", at.ledger_index):
            raise AnswerError(
                server=server.url, command=command, why="its pages are of two ledgers"
            )
        found.extend(_inbound(server, account, page, at))
        marker = page.get("marker")
        if marker is None:
            return tuple(found)
        if marker == params.get("marker"):
            raise AnswerError(server=server.url, command=command, why="its pages go in circles")
        params = {"ledger_index": at.ledger_index, "marker": marker}


def _inbound(
    server: StateServer, account: Address, page: Mapping[str, Any], at: Position
) -> list[ChannelChanged]:
    nodes = page.get("account_objects")
    if not isinstance(nodes, list):
        raise AnswerError(server=server.url, command="account_objects", why="it has no objects")
    entries = (decode_entry(node, server=server.url) for node in nodes if isinstance(node, Mapping))
    return [
        ChannelChanged(entry=entry, at=at)
        for entry in entries
        if entry is not None and entry.destination == account
    ]


def _missing(
    server: StateServer, channel: ChannelId, answer: object, known_before: LedgerIndex | None
) -> ChannelMissing:
    said = result_of(answer) if isinstance(answer, Mapping) else {}
    told = integer(said, "ledger_index")
    index = known_before if told is None else LedgerIndex(told)
    if index is None or said.get("validated") is False:
        raise AnswerError(
            server=server.url, command="ledger_entry", why="it is not of a validated ledger"
        )
    return ChannelMissing(channel=channel, at=Position(index, END_OF_LEDGER))


def _validated_position(server: StateServer, command: str, result: Mapping[str, Any]) -> Position:
    index = integer(result, "ledger_index")
    if index is None or result.get("validated") is not True:
        raise AnswerError(server=server.url, command=command, why="it is not of a validated ledger")
    return Position(LedgerIndex(index), END_OF_LEDGER)
