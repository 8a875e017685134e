"""Channels as one server's validated ledger holds them: one by id, or all of an account.

What it guarantees: what is returned was read from a validated ledger, and carries that ledger's
position. The state is read at the end of the ledger, so it stands behind all its transactions.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from watchtower.errors import AnswerError, RequestRefusedError
from watchtower.ledger.decode import decode_entry
from watchtower.ledger.events import ChannelChanged, ChannelMissing
from watchtower.ledger.state import StateServer, missing_position, read_owned, validated_position
from watchtower.units import Address, ChannelId

__all__ = ["find_channels", "read_channel"]

_COMMAND: Final = "ledger_entry"

_NO_CHANNEL: Final = frozenset({"entryNotFound", "unexpectedLedgerType"})
"""Refusals that say there is no such channel: no entry at all, or one of another type, which an
id of a channel can never come to be (rippled src/xrpld/rpc/handlers/LedgerEntry.cpp)."""


async def read_channel(server: StateServer, channel: ChannelId) -> ChannelChanged | ChannelMissing:
    """Return the state of one channel in the server's newest validated ledger.

    Raises:
        AnswerError: the answer is not from a validated ledger, or not about this channel.
        LedgerError: the server could not be asked, or refused.
    """
    known_before = server.validated
    try:
        result = await server.request(_COMMAND, payment_channel=channel, ledger_index="validated")
    except RequestRefusedError as refused:
        if refused.facts["error"] not in _NO_CHANNEL:
            raise
        at = missing_position(server, _COMMAND, refused.facts["answer"], known_before)
        return ChannelMissing(channel=channel, at=at)
    at = validated_position(server, _COMMAND, result)
    node = result.get("node")
    entry = decode_entry(node, server=server.url) if isinstance(node, Mapping) else None
    if entry is None or entry.channel != channel:
        raise AnswerError(
            server=server.url, command=_COMMAND, why="it is not the channel asked for"
        )
    return ChannelChanged(entry=entry, at=at)


async def find_channels(server: StateServer, account: Address) -> tuple[ChannelChanged, ...]:
    """Return all channels from and to ``account``, all read from one validated ledger.

    Both are in its directory (docs/ledger-rules.md, Reading state); ``account_channels`` would
    tell those from it alone.

    Raises:
        AnswerError: a page is not from the one validated ledger, or pages go round in circles.
        LedgerError: the server could not be asked, or refused.
    """
    owned = await read_owned(server, account, "payment_channel")
    if owned is None:
        return ()
    entries = (decode_entry(node, server=server.url) for node in owned.nodes)
    return tuple(
        ChannelChanged(entry=entry, at=owned.at)
        for entry in entries
        if entry is not None and account in {entry.source, entry.destination}
    )
