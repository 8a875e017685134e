"""A server in this process, as the tower's rooms want one: asked, listened to, and timed.

Every request is a frame of the WebSocket API and every answer and message is read as one; only the
socket is left out. What the server needs of the processor is counted apart from the tower's.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from watchtower.errors import LedgerError, RequestRefusedError
from watchtower.ledger.answers import (
    Fees,
    SubmitAnswer,
    read_account_field,
    read_fees,
    read_submission,
)
from watchtower.ledger.channels import read_channel
from watchtower.ledger.events import ChannelChanged, ChannelMissing
from watchtower.ledger.ranges import LedgerRanges
from watchtower.ledger.wire import refusal_of, result_of
from watchtower.sandbox.line import connect
from watchtower.sandbox.node import Node
from watchtower.units import Address, ChannelId, LedgerIndex

__all__ = ["Station"]

_API_VERSION: Final = 2


class Station:
    """One node, behind the doors that the tower knows of servers.

    ``seconds`` is the processor time that the node has taken; ``messages`` what it has told
    without being asked, until somebody takes it.
    """

    def __init__(self, node: Node) -> None:
        """Connect to ``node``."""
        self.url = "in this process"
        self.network_id: int | None = node.network_id
        self.messages: list[Mapping[str, Any]] = []
        self.seconds = 0.0
        self._node = node
        self._answers: list[Mapping[str, Any]] = []
        self._line = connect(node, self._receive)

    @property
    def validated(self) -> LedgerIndex:
        """The newest ledger."""
        return LedgerIndex(self._node.validated.index)

    @property
    def history(self) -> LedgerRanges:
        """The ledgers that it has."""
        return LedgerRanges.parse(self._node.complete)

    def close_ledger(self) -> None:
        """Close the open ledger."""
        begun = time.process_time()
        self._node.accept()
        self.seconds += time.process_time() - begun

    def heard(self) -> list[Mapping[str, Any]]:
        """Return what was told since this was last asked."""
        heard, self.messages = self.messages, []
        return heard

    def close(self) -> None:
        """Hear nothing any more."""
        self._line.close()

    async def request(self, command: str, **params: object) -> Mapping[str, Any]:
        """Ask, and return the result.

        Raises:
            RequestRefusedError: the answer is an error.
        """
        frame = {"id": 1, "command": command, "api_version": _API_VERSION, **params}
        begun = time.process_time()
        self._line.send(msgspec.json.encode(frame).decode())
        self.seconds += time.process_time() - begun
        answer = self._answers.pop()
        refusal = refusal_of(answer)
        if refusal is None:
            return result_of(answer)
        raise RequestRefusedError(
            server=self.url,
            command=command,
            error=refusal.error,
            message=refusal.message,
            answer=answer,
        )

    async def fee(self) -> Fees:
        """Return what transactions cost now."""
        return read_fees(self.url, await self.request("fee"))

    async def account_sequences(self, account: Address) -> tuple[int, ...]:
        """Return the account's next sequence in the open ledger."""
        result = await self.request("account_info", account=account, ledger_index="current")
        return (read_account_field(self.url, result, "Sequence"),)

    def misjudged(self, server: str) -> None:
        """Rank nobody down: there is only one."""

    async def submit(self, blob: str) -> Sequence[SubmitAnswer]:
        """Send a signed transaction."""
        answer: Mapping[str, Any] | LedgerError
        try:
            answer = await self.request("submit", tx_blob=blob)
        except RequestRefusedError as refused:
            answer = refused
        return (read_submission(self.url, answer),)

    async def read_channel(
        self,
        channel: ChannelId,
        *,
        vouched: bool = False,  # noqa: ARG002 - there is no other server to contradict it
    ) -> ChannelChanged | ChannelMissing:
        """Return a channel's state in the newest ledger; ``vouched`` for by the only server."""
        return await read_channel(self, channel)

    def _receive(self, text: str) -> None:
        message = msgspec.json.decode(text)
        (self._answers if "id" in message else self.messages).append(message)
