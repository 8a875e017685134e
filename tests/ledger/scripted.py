"""A chain of ledgers that can be told by several servers, and servers that can misbehave.

The frames have the shapes of the recordings in tests/data; what a server does wrong is switched
on by the test. Real sockets, real frames; nothing of the watchtower is replaced.
"""

from __future__ import annotations

import hashlib
import json
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.exceptions import ConnectionClosed

PAYEE = "rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD"
PAYER = "rwygKgJ9M6Ms8Fypk2foqvVdSfCaLHJsLK"
KEY = "0295412A345A5AD994E9FDDED304E2576BB55EBF4A7B65F85B2B7FEBCF2A38D8E4"
FIRST = 10

Message = dict[str, Any]


def _hash(*parts: object) -> str:
    return hashlib.sha256(repr(parts).encode()).hexdigest().upper()


def channel_id(number: int) -> str:
    """Return the id of the test's channel ``number``."""
    return _hash("channel", number)


class Chain:
    """Validated ledgers, each with the transactions that touch the payee's channels."""

    def __init__(self) -> None:
        self.index = FIRST
        self.channels: dict[str, Message] = {}
        self.transactions: dict[int, list[Message]] = {}
        self.servers: list[ScriptedServer] = []
        self.fork = ""

    def open(self, number: int, amount: int = 1_000, destination: str = PAYEE) -> str:
        """Have a channel from before the first ledger."""
        channel = channel_id(number)
        self.channels[channel] = {
            "LedgerEntryType": "PayChannel",
            "index": channel,
            "Account": PAYER,
            "Destination": destination,
            "Amount": str(amount),
            "Balance": "0",
            "PublicKey": KEY,
            "SettleDelay": 3600,
            "Flags": 0,
        }
        return channel

    def closed(self, index: int) -> Message:
        """Return the announcement of a ledger."""
        return {
            "type": "ledgerClosed",
            "fee_base": 10,
            "ledger_hash": _hash("ledger", index, self.fork),
            "ledger_index": index,
            "ledger_time": 820_000_000 + index,
            "network_id": 0,
            "reserve_base": 1_000_000,
            "reserve_inc": 200_000,
            "txn_count": len(self.transactions.get(index, [])),
        }

    def pay(self, number: int, drops: int) -> None:
        """Have the next ledger pay ``drops`` more out of a channel."""
        node = self.channels[channel_id(number)]
        node["Balance"] = str(int(node["Balance"]) + drops)
        final = {k: v for k, v in node.items() if k not in ("LedgerEntryType", "index")}
        self._add(
            {
                "ModifiedNode": {
                    "LedgerEntryType": "PayChannel",
                    "LedgerIndex": node["index"],
                    "FinalFields": final,
                    "PreviousFields": {"Balance": "0"},
                }
            }
        )

    def delete(self, number: int) -> None:
        """Have the next ledger close a channel."""
        node = self.channels.pop(channel_id(number))
        final = {k: v for k, v in node.items() if k not in ("LedgerEntryType", "index")}
        self._add(
            {
                "DeletedNode": {
                    "LedgerEntryType": "PayChannel",
                    "LedgerIndex": node["index"],
                    "FinalFields": final,
                }
            }
        )

    def _add(self, node: Message) -> None:
        index = self.index + 1
        there = self.transactions.setdefault(index, [])
        place = len(there)
        there.append(
            {
                "type": "transaction",
                "status": "closed",
                "validated": True,
                "engine_result": "tesSUCCESS",
                "hash": _hash("transaction", index, place),
                "ledger_index": index,
                "tx_json": {
                    "TransactionType": "PaymentChannelClaim",
                    "Account": PAYER,
                    "Sequence": index * 100 + place,
                    "Fee": "10",
                },
                "meta": {
                    "AffectedNodes": [node],
                    "TransactionIndex": place,
                    "TransactionResult": "tesSUCCESS",
                },
            }
        )

    def frames(self, index: int) -> list[Message]:
        """Return what a server sends about a ledger: its announcement first."""
        return [self.closed(index), *self.transactions.get(index, [])]

    async def close(self, ledgers: int = 1) -> None:
        """Validate the next ledgers, and have every server tell its subscribers."""
        for _ in range(ledgers):
            self.index += 1
            for server in self.servers:
                await server.tell(self.index)


@dataclass
class ScriptedServer:
    """A server of a chain, with the faults that a test gives it."""

    chain: Chain
    url: str = ""
    version: int = 2
    network_id: int | None = 0
    blocked: bool = False
    mute: bool = False
    first: int = FIRST
    validated_ledgers: str | None = None
    clamp: tuple[int, int] | None = None
    page: int = 200
    empty_pages: int = 0
    behind: int = 0
    ignores_pin: bool = False
    deaf: bool = False
    amendments: list[str] = field(default_factory=list)
    hang: set[str] = field(default_factory=set)
    unlisted: set[str] = field(default_factory=set)
    lies: Message = field(default_factory=dict)
    die_on: set[str] = field(default_factory=set)
    refuse: dict[str, Message] = field(default_factory=dict)
    answers: dict[str, Message] = field(default_factory=dict)
    junk: deque[str | bytes] = field(default_factory=deque)
    before: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    after: dict[str, Callable[[], Awaitable[None]]] = field(default_factory=dict)
    requests: list[Message] = field(default_factory=list)
    subscribers: set[ServerConnection] = field(default_factory=set)
    accepted: int = 0
    sizes: list[int] = field(default_factory=list)
    _server: Server | None = None

    @property
    def index(self) -> int:
        """The newest ledger that this server validated."""
        return self.chain.index - self.behind

    @property
    def history(self) -> str:
        """The ledgers that this server says it has."""
        return self.validated_ledgers or f"{self.first}-{self.index}"

    def count(self, command: str) -> int:
        """Return how often a command was asked."""
        return sum(request["command"] == command for request in self.requests)

    def lists(self, *nodes: Message, ledger_index: int | None = None) -> None:
        """Have it list these channels and no others, as of a ledger."""
        result = {
            "account_objects": list(nodes),
            "ledger_index": self.chain.index if ledger_index is None else ledger_index,
            "validated": True,
        }
        self.answers["account_objects"] = {"result": result}

    async def start(self, port: int = 0) -> None:
        """Serve at ``port``, or at a free one."""
        self._server = await serve(self._serve, "127.0.0.1", port, max_size=1_000_000)
        [socket] = self._server.sockets
        self.url = f"ws://127.0.0.1:{socket.getsockname()[1]}"

    async def stop(self) -> None:
        """Close the door and every connection."""
        await self.drop()
        if self._server is not None:
            self._server.close()
            await self._server.wait_closed()
            self._server = None

    async def restart(self) -> None:
        """Come back at the same address."""
        await self.start(int(self.url.rsplit(":", 1)[1]))

    async def drop(self) -> None:
        """Lose every connection, as a network does."""
        for socket in list(self.subscribers):
            socket.transport.abort()
        self.subscribers.clear()

    async def tell(self, index: int) -> None:
        """Send what the chain's ledger ``index`` has to tell to every subscriber."""
        if self.mute:
            return
        for frame in self.chain.frames(index - self.behind):
            for socket in list(self.subscribers):
                if self.junk:
                    await self._send(socket, self.junk.popleft())
                await self._send(socket, json.dumps(self._spoken(frame)))

    async def _send(self, socket: ServerConnection, frame: str | bytes) -> None:
        try:
            await socket.send(frame)
        except ConnectionClosed:
            self.subscribers.discard(socket)

    def _spoken(self, frame: Message) -> Message:
        """Return a frame in this server's version of the API, and of its network."""
        frame = dict(frame)
        if frame["type"] == "ledgerClosed":
            frame["validated_ledgers"] = self.history
            if self.network_id is not None:
                frame["network_id"] = self.network_id
            else:
                frame.pop("network_id")
        elif self.version == 1:
            frame["transaction"] = {**frame.pop("tx_json"), "hash": frame.pop("hash")}
        return frame

    async def _serve(self, socket: ServerConnection) -> None:
        self.accepted += 1
        try:
            async for raw in socket:
                self.sizes.append(len(raw))
                request = json.loads(raw)
                self.requests.append(request)
                command = request["command"]
                if command in self.die_on:
                    socket.transport.abort()
                    return
                if command in self.hang:
                    continue
                if command in self.before:
                    await self.before[command]()
                answer = self._answer(command, request)
                answer.setdefault("type", "response")
                answer.setdefault("status", "error" if "error" in answer else "success")
                await socket.send(json.dumps({**answer, "id": request["id"]}))
                if command == "subscribe":
                    self.subscribers.add(socket)
                    if self.deaf:
                        socket.transport.pause_reading()
                if command in self.after:
                    await self.after[command]()
        finally:
            self.subscribers.discard(socket)

    def _answer(self, command: str, request: Message) -> Message:
        if command in self.refuse:
            return dict(self.refuse[command])
        if command in self.answers:
            return dict(self.answers[command])
        method: Callable[[Message], Message] = getattr(self, f"_{command}", self._unknown)
        return method(request)

    def _unknown(self, _: Message) -> Message:
        return {"error": "unknownCmd", "error_code": 32, "error_message": "Unknown method."}

    def _server_info(self, _: Message) -> Message:
        info: Message = {"complete_ledgers": self.history, "server_state": "full"}
        if self.network_id is not None:
            info["network_id"] = self.network_id
        answer: Message = {"result": {"info": info}}
        if self.blocked:
            answer["warnings"] = [{"id": 1002, "message": "amendment blocked"}]
        return answer

    def _subscribe(self, request: Message) -> Message:
        if "streams" not in request:
            return {"result": {}}
        closed = self._spoken(self.chain.closed(self.index))
        for extra in ("type", "txn_count"):
            closed.pop(extra)
        return {"result": closed}

    def _ledger_entry(self, request: Message) -> Message:
        if "index" in request:
            return self._amendments()
        node = self.chain.channels.get(request["payment_channel"])
        if node is None:
            return {"error": "entryNotFound", "error_code": 98, "error_message": "Not found."}
        return {
            "result": {
                "index": node["index"],
                "ledger_index": self.index,
                "node": {**node, **self.lies},
                "validated": True,
            }
        }

    def _amendments(self) -> Message:
        node = {"LedgerEntryType": "Amendments", "Amendments": self.amendments}
        return {"result": {"node": node, "ledger_index": self.index, "validated": True}}

    def _account_objects(self, request: Message) -> Message:
        nodes = [
            {**node, **self.lies}
            for channel, node in self.chain.channels.items()
            if node["Destination"] == request["account"] and channel not in self.unlisted
        ]
        result: Message = {"account": request["account"], "validated": True}
        pinned = request["ledger_index"]
        latest = pinned == "validated" or self.ignores_pin
        result["ledger_index"] = self.index if latest else pinned
        page = int(request.get("marker", "0"))
        if page < self.empty_pages:
            result.update(account_objects=[], marker=str(page + 1))
            return {"result": result}
        start = (page - self.empty_pages) * self.page
        result["account_objects"] = nodes[start : start + self.page]
        if start + self.page < len(nodes):
            result["marker"] = str(page + 1)
        return {"result": result}

    def _account_tx(self, request: Message) -> Message:
        low, high = request["ledger_index_min"], request["ledger_index_max"]
        if self.clamp:
            low, high = max(low, self.clamp[0]), min(high, self.clamp[1])
        rows = [
            self._row(frame)
            for index in range(low, high + 1)
            for frame in self.chain.transactions.get(index, [])
            if request["account"] in json.dumps(frame)
        ]
        start = int(request.get("marker", {}).get("seq", 0))
        result: Message = {
            "account": request["account"],
            "ledger_index_min": low,
            "ledger_index_max": high,
            "validated": True,
            "transactions": rows[start : start + self.page],
        }
        if start + self.page < len(rows):
            result["marker"] = {"ledger": low, "seq": start + self.page}
        return {"result": result}

    def _row(self, frame: Message) -> Message:
        if self.version == 1:
            tx = {**frame["tx_json"], "hash": frame["hash"], "ledger_index": frame["ledger_index"]}
            return {"tx": tx, "meta": frame["meta"], "validated": True}
        return {k: frame[k] for k in ("tx_json", "hash", "ledger_index", "meta", "validated")}

    def _account_info(self, request: Message) -> Message:
        data = {"Account": request["account"], "Balance": "5000000", "Sequence": 7}
        result = {"account_data": data, "signer_lists": [], "validated": True}
        return {"result": {**result, "ledger_index": self.index}}

    def _fee(self, _: Message) -> Message:
        return {"result": {"drops": {"base_fee": "10", "open_ledger_fee": "12"}}}

    def _submit(self, _: Message) -> Message:
        return {
            "result": {
                "engine_result": "tesSUCCESS",
                "engine_result_message": "The transaction was applied.",
                "account_sequence_next": 8,
                "open_ledger_cost": "10",
                "validated_ledger_index": self.index,
            }
        }
