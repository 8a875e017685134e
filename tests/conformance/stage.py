"""The stage of a scenario: a hand that moves the ledger, and a client whose every frame is kept.

Both are ordinary clients of the server that is held to the recordings. The hand funds people,
submits and closes ledgers, unseen; the client asks and listens, and its frames in order, with the
notes that the scenario makes, are the recording.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed
from xrpl.core.binarycodec import encode, encode_for_signing
from xrpl.core.binarycodec.exceptions import XRPLBinaryCodecException

from watchtower.sandbox.people import RICH, Person
from watchtower.units import ChannelId, Drops

__all__ = [
    "CANONICAL",
    "TF_CLOSE",
    "TF_RENEW",
    "Line",
    "Message",
    "Stage",
    "Tape",
    "claim",
    "opened",
]

TF_RENEW: Final = 0x00010000
TF_CLOSE: Final = 0x00020000
CANONICAL: Final = 0x80000000

_ANSWER_WITHIN: Final = 60.0
_CAUGHT_UP: Final = "caught up"
"""The id of the one request that is never kept: its answer only shows that nothing is under way."""
_FUNDS_XRP: Final = 10_000
_FUNDED_A_LEDGER: Final = 8

Message = dict[str, Any]


@dataclass
class Tape:
    """What the client saw and what was noted, in order."""

    frames: list[Message] = field(default_factory=list)

    def take(self, direction: str, message: Mapping[str, Any]) -> None:
        """Keep one frame."""
        self.frames.append({"dir": direction, "msg": message})

    def note(self, text: str, **facts: Any) -> None:
        """Keep what the hand did."""
        self.take("note", {"text": text, **facts})

    def save(self, path: Path) -> None:
        """Write the frames, one a line."""
        lines = (json.dumps(frame, separators=(",", ":")) for frame in self.frames)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")


class Line:
    """A connection: requests by number, everything else to whoever listens."""

    def __init__(
        self, connection: ClientConnection, on_frame: Callable[[str, Message], None]
    ) -> None:
        """Tell ``on_frame`` of every frame, with its direction."""
        self._connection = connection
        self._on_frame = on_frame
        self._number = 0
        self._waiting: dict[int | str, asyncio.Future[Message]] = {}

    async def __call__(self, command: str, **params: Any) -> Message:
        """Ask, and return the whole answer.

        Raises:
            ConnectionClosed: the server hung up instead of answering.
            TimeoutError: it did neither.
        """
        self._number += 1
        request = {"id": self._number, "command": command, **params}
        self._on_frame("send", request)
        return await self._ask(request)

    async def result(self, command: str, **params: Any) -> Message:
        """Ask, and return the result; of a refusal the whole answer."""
        answer = await self(command, **params)
        result: Message = answer.get("result", answer)
        return result

    async def caught_up(self) -> None:
        """Wait until everything that the server has sent so far was taken.

        A server answers on the same connection that it publishes on, so the answer to a request
        that nobody keeps comes behind whatever was published before.
        """
        await self._ask({"id": _CAUGHT_UP, "command": "ping"})

    async def read(self) -> None:
        """Take what comes until the connection ends; who still waits then is told so."""
        try:
            while True:
                self._take(json.loads(await self._connection.recv()))
        except ConnectionClosed as closed:
            for waiting in self._waiting.values():
                if not waiting.done():
                    waiting.set_exception(closed)

    async def _ask(self, request: Message) -> Message:
        answer: asyncio.Future[Message] = asyncio.get_running_loop().create_future()
        self._waiting[request["id"]] = answer
        await self._connection.send(json.dumps(request))
        return await asyncio.wait_for(answer, _ANSWER_WITHIN)

    def _take(self, message: Message) -> None:
        number = message.get("id")
        if number != _CAUGHT_UP:
            self._on_frame("recv", message)
        waiting = self._waiting.pop(number, None) if number is not None else None
        if waiting is not None and not waiting.done():
            waiting.set_result(message)


class Stage:
    """What a scenario works with: ``hand``, ``client`` and ``tape``."""

    def __init__(self, hand: Line, client: Line, tape: Tape, *, moment: float) -> None:
        """Begin on a fresh ledger, with nobody on it yet; ``moment`` as in :func:`opened`."""
        self.hand = hand
        self.client = client
        self.tape = tape
        self._moment = moment
        self._people = 0

    async def people(self, count: int = 2, *, ed25519: bool = False) -> list[Person]:
        """Bring funded people onto the ledger; the same ones in every run."""
        numbers = range(self._people, self._people + count)
        people = [Person.named(f"person {number}", ed25519=ed25519) for number in numbers]
        self._people += count
        await self._fund(people)
        return people

    async def subscribe(self, *accounts: str, version: int = 2) -> None:
        """Let the client introduce itself as a tower does."""
        await self.client("server_info")
        await self.client("fee")
        await self.client(
            "subscribe", streams=["ledger"], accounts=list(accounts), api_version=version
        )

    async def look(self, channel: str, *accounts: str) -> None:
        """Let the client read a channel, and what the accounts have."""
        await self.client("ledger_entry", payment_channel=channel, ledger_index="validated")
        for account in accounts:
            await self.client("account_channels", account=account, ledger_index="validated")
            await self.client(
                "account_objects",
                account=account,
                type="payment_channel",
                ledger_index="validated",
            )

    async def close_ledger(self) -> None:
        """Close one ledger, and wait until the client has heard what it published."""
        await self.hand.result("ledger_accept")
        await self.heard()

    async def heard(self) -> None:
        """Wait until the client has heard everything that was published for it."""
        if self._moment:
            await asyncio.sleep(self._moment)
        await self.client.caught_up()

    async def advance(self, seconds: int) -> None:
        """Close ledgers until the validated close time has moved by ``seconds``."""
        start = await self.close_time()
        while await self.close_time() < start + seconds:
            await self.close_ledger()

    async def close_time(self) -> int:
        """Return the close time of the validated ledger."""
        result = await self.hand.result("ledger", ledger_index="validated")
        return int(result["ledger"]["close_time"])

    async def sequence(self, account: str) -> int:
        """Return an account's next sequence in the open ledger."""
        result = await self.hand.result("account_info", account=account, ledger_index="current")
        return int(result["account_data"]["Sequence"])

    async def build(
        self,
        tx: Mapping[str, Any],
        person: Person,
        *,
        fee: str = "10",
        signer: Person | None = None,
    ) -> Message:
        """Return a transaction with what it lacks, signed."""
        by = signer or person
        flags = int(tx.get("Flags", 0)) | CANONICAL
        built: Message = {
            "Account": person.address,
            "Fee": fee,
            "Flags": flags,
            "SigningPubKey": by.public_key,
            **{name: value for name, value in tx.items() if name != "Flags"},
        }
        if "Sequence" not in built:
            built["Sequence"] = await self.sequence(built["Account"])
        built["TxnSignature"] = by.sign(bytes.fromhex(encode_for_signing(built)))
        return built

    async def submit(
        self,
        tx: Mapping[str, Any],
        person: Person,
        *,
        fee: str = "10",
        signer: Person | None = None,
    ) -> Message:
        """Build, sign and submit by the hand; return what the server said."""
        blob = encode(await self.build(tx, person, fee=fee, signer=signer))
        return await self.hand.result("submit", tx_blob=blob)

    async def try_to_submit(
        self, tx: Mapping[str, Any], person: Person, *, fee: str = "10"
    ) -> Message:
        """Submit what may not even be encodable; what stops it here is told as ``local_error``."""
        try:
            return await self.submit(tx, person, fee=fee)
        except (XRPLBinaryCodecException, ValueError) as error:
            return {"local_error": repr(error)}

    async def create(
        self, source: Person, destination: Person, drops: int, settle_delay: int, **more: Any
    ) -> ChannelId:
        """Open a channel, close the ledger, and return the channel's id."""
        sequence = await self.sequence(source.address)
        await self.submit(
            {
                "TransactionType": "PaymentChannelCreate",
                "Destination": destination.address,
                "Amount": str(drops),
                "SettleDelay": settle_delay,
                "PublicKey": source.public_key,
                "Sequence": sequence,
                **more,
            },
            source,
        )
        await self.close_ledger()
        return await self._newest_channel(source.address, sequence)

    async def _newest_channel(self, source: str, sequence: int) -> ChannelId:
        found = await self.hand.result(
            "account_objects", account=source, type="payment_channel", ledger_index="validated"
        )
        (channel,) = [
            entry["index"] for entry in found["account_objects"] if entry["Sequence"] == sequence
        ]
        return ChannelId(channel)

    async def _fund(self, people: list[Person]) -> None:
        sequence = await self.sequence(RICH.address)
        for number, person in enumerate(people):
            payment = {
                "TransactionType": "Payment",
                "Destination": person.address,
                "Amount": str(_FUNDS_XRP * 1_000_000),
                "Sequence": sequence + number,
            }
            await self.submit(payment, RICH)
            if number % _FUNDED_A_LEDGER == _FUNDED_A_LEDGER - 1:
                await self.close_ledger()
        await self.close_ledger()


def claim(
    channel: str, key: Person, amount: int, balance: int | None = None, **more: Any
) -> Message:
    """Return a claim transaction without its sender: ``key`` signs for ``amount`` in all."""
    return {
        "TransactionType": "PaymentChannelClaim",
        "Channel": channel,
        "Amount": str(amount),
        "Balance": str(balance or amount),
        "Signature": key.sign_claim(ChannelId(channel), Drops(amount)),
        "PublicKey": key.public_key,
        **more,
    }


@asynccontextmanager
async def opened(url: str, tape: Tape, *, moment: float = 0) -> AsyncIterator[Stage]:
    """Open a stage on the server at ``url``.

    Args:
        url: the server.
        tape: where the client's frames go.
        moment: seconds that the server may take to publish a ledger after it said that it closed
            one. The sandbox has published by then; a real server does it beside (rippled
            src/xrpld/app/misc/NetworkOPs.cpp, pubLedger).
    """
    async with (
        connect(url, max_size=None, ping_interval=None, proxy=None) as for_hand,
        connect(url, max_size=None, ping_interval=None, proxy=None) as for_client,
    ):
        hand, client = Line(for_hand, lambda *_: None), Line(for_client, tape.take)
        reading = [asyncio.create_task(line.read()) for line in (hand, client)]
        try:
            yield Stage(hand, client, tape, moment=moment)
        finally:
            for task in reading:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
