"""People with keys, and a hand that moves a ledger for them.

Keys come from names, so that a story told twice signs the same bytes: the family seed's 16 bytes
are the first of the name's SHA-256. Nobody here is anybody on a real network.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

import coincurve
import msgspec
from nacl.signing import SigningKey
from websockets.exceptions import ConnectionClosed

from watchtower.errors import RequestRefusedError, UnreachableError
from watchtower.sandbox.chain import GENESIS
from watchtower.sandbox.codec import encode, message_to_sign
from watchtower.sandbox.family_seed import keys_of, seed_text
from watchtower.sandbox.hashing import address_of_key, channel_index, sha512_half
from watchtower.sandbox.signatures import claim_message
from watchtower.units import DROPS_PER_XRP, Address, ChannelId, Drops

if TYPE_CHECKING:
    from websockets.asyncio.client import ClientConnection

__all__ = ["RICH", "Hand", "Person"]

_ENTROPY_BYTES: Final = 16
_FULLY_CANONICAL: Final = 0x80000000
_GENESIS_SEED: Final = "snoPBrXtMeMyMHUVTgbuqAfg1SUTb"


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody with an account: a name, an address, and the keys to it.

    ``public_key`` is upper-case hexadecimal, ``seed`` the family seed as ``key import`` takes it.
    """

    name: str
    address: Address
    public_key: str
    seed: str = field(repr=False)
    _private_key: bytes = field(repr=False)

    @classmethod
    def named(cls, name: str, *, ed25519: bool = False) -> Person:
        """Return the person of that name, the same one every time."""
        entropy = hashlib.sha256(name.encode()).digest()[:_ENTROPY_BYTES]
        return cls.of_seed(name, seed_text(entropy, ed25519=ed25519))

    @classmethod
    def of_seed(cls, name: str, seed: str) -> Person:
        """Return the person whose keys come from a family seed."""
        key, private_key = keys_of(seed)
        public_key = key.hex().upper()
        return cls(name, Address(address_of_key(public_key)), public_key, seed, private_key)

    def sign(self, message: bytes) -> str:
        """Return this person's signature over a message, upper-case hexadecimal.

        Deterministic (RFC 6979, RFC 8032), low S and strict DER: the one form the ledger takes.
        """
        if self.public_key.startswith("ED"):
            return SigningKey(self._private_key).sign(message).signature.hex().upper()
        key = coincurve.PrivateKey(self._private_key)
        return key.sign(sha512_half(message), hasher=None).hex().upper()

    def sign_claim(self, channel: ChannelId, drops: Drops) -> str:
        """Return this person's claim: the promise of ``drops`` in all on ``channel``."""
        return self.sign(claim_message(channel, drops))

    def sign_transaction(self, tx: Mapping[str, Any]) -> dict[str, Any]:
        """Return a transaction with this person's key and signature in it, and what they cover."""
        signed = {
            **tx,
            "Flags": tx.get("Flags", 0) | _FULLY_CANONICAL,
            "SigningPubKey": self.public_key,
        }
        signed["TxnSignature"] = self.sign(message_to_sign(signed))
        return signed


RICH: Final = Person.of_seed("genesis", _GENESIS_SEED)
"""Who owns all XRP at first."""

if RICH.address != GENESIS:  # pragma: no cover - a constant checked against another
    raise AssertionError(RICH.address)


class Hand:
    """A client that acts for people: funds, builds, signs, submits, and waits for the outcome.

    Args:
        url: the server.
        accepts: closes the ledger itself where it has to wait; for a clock that stands still.
    """

    def __init__(self, url: str, *, accepts: bool = False) -> None:
        self._url = url
        self._accepts = accepts
        self._number = 0
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._connection: ClientConnection | None = None
        self._reading: asyncio.Task[None] | None = None
        self._closed = asyncio.Event()

    async def __aenter__(self) -> Self:
        # The sandbox has people too, and starts sooner without a client.
        from websockets.asyncio.client import connect  # noqa: PLC0415

        self._connection = await connect(
            self._url, max_size=None, ping_interval=None, compression=None, proxy=None
        )
        self._reading = asyncio.create_task(self._read(self._connection), name="hand")
        await self.request("subscribe", streams=["ledger"])
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if self._connection is not None:
            await self._connection.close()
        if self._reading is not None:
            self._reading.cancel()
            with suppress(asyncio.CancelledError, ConnectionClosed):
                await self._reading

    async def request(self, command: str, **params: Any) -> dict[str, Any]:
        """Return the result of a request; of one that is refused, the answer with its ``error``.

        Raises:
            UnreachableError: there is no connection, or it ended.
        """
        self._number += 1
        number = self._number
        answer: asyncio.Future[dict[str, Any]] = asyncio.get_running_loop().create_future()
        self._waiting[number] = answer
        message = msgspec.json.encode({"id": number, "command": command, **params}).decode()
        try:
            if self._connection is None or self._reading is None or self._reading.done():
                raise UnreachableError(servers=self._url, why="the connection ended")
            await self._connection.send(message)
            told = await answer
        except ConnectionClosed as closed:
            raise UnreachableError(servers=self._url, why=str(closed)) from closed
        finally:
            self._waiting.pop(number, None)
        result: dict[str, Any] = told.get("result", told)
        return result

    async def accept(self) -> None:
        """Ask the server to close the ledger."""
        await self._ask("ledger_accept")

    async def fund(self, *people: Person, xrp: int = 10_000) -> None:
        """Give each of them an account with so much XRP, and wait until they have it."""
        sequence = await self._sequence(RICH.address)
        hashes = []
        for number, person in enumerate(people):
            payment = {
                "TransactionType": "Payment",
                "Destination": person.address,
                "Amount": str(xrp * DROPS_PER_XRP),
                "Sequence": sequence + number,
            }
            told = await self.submit(payment, RICH)
            hashes.append(told["tx_json"]["hash"])
        for tx_hash in hashes:
            await self.validated(tx_hash)

    async def create_channel(
        self, source: Person, destination: Person, drops: int, settle_delay: int, **more: Any
    ) -> ChannelId:
        """Open a channel, wait until it is there, and return its id.

        Args:
            source: who pays, and signs the claims.
            destination: who is paid.
            drops: the funds.
            settle_delay: seconds.
            more: further fields of the transaction, such as ``CancelAfter`` or ``PublicKey``.

        Raises:
            RequestRefusedError: the ledger did not open it.
        """
        sequence = more.pop("Sequence", None) or await self._sequence(source.address)
        create = {
            "TransactionType": "PaymentChannelCreate",
            "Destination": destination.address,
            "Amount": str(drops),
            "SettleDelay": settle_delay,
            "PublicKey": source.public_key,
            "Sequence": sequence,
            **more,
        }
        told = await self.submit(create, source)
        found = await self.validated(told["tx_json"]["hash"])
        result = found["meta"]["TransactionResult"]
        if result != "tesSUCCESS":
            raise self._refused("PaymentChannelCreate", result, "")
        seat = more.get("TicketSequence", sequence)
        return ChannelId(channel_index(source.address, destination.address, seat))

    async def submit(
        self, tx: Mapping[str, Any], person: Person, *, fee: int = 10
    ) -> dict[str, Any]:
        """Complete, sign and submit a transaction; return what the server said, at once.

        Raises:
            RequestRefusedError: the server did not look at it.
        """
        return await self._ask("submit", tx_blob=encode(await self.build(tx, person, fee=fee)))

    async def settle(
        self, tx: Mapping[str, Any], person: Person, *, fee: int = 10
    ) -> dict[str, Any]:
        """Submit a transaction and return it as it was validated, with its metadata."""
        told = await self.submit(tx, person, fee=fee)
        return await self.validated(told["tx_json"]["hash"])

    async def build(
        self, tx: Mapping[str, Any], person: Person, *, fee: int = 10
    ) -> dict[str, Any]:
        """Return a transaction with what it lacks, signed by ``person``.

        What it has stays: account, sequence, fee and the rest may be given.
        """
        built = {"Account": person.address, "Fee": str(fee), **tx}
        if "Sequence" not in built:
            built["Sequence"] = await self._sequence(built["Account"])
        return person.sign_transaction(built)

    async def validated(self, tx_hash: str) -> dict[str, Any]:
        """Wait until a transaction is validated, and return it (``tx`` of API version 2)."""
        if self._accepts:
            await self.accept()
        while True:
            self._closed.clear()
            found = await self._ask("tx", transaction=tx_hash, api_version=2)
            if found["validated"]:
                return found
            if self._accepts:
                await self.accept()
            else:
                await self._closed.wait()

    async def _sequence(self, account: str) -> int:
        told = await self._ask("account_info", account=account, ledger_index="current")
        sequence: int = told["account_data"]["Sequence"]
        return sequence

    async def _ask(self, command: str, **params: Any) -> dict[str, Any]:
        told = await self.request(command, **params)
        if "error" in told:
            why = told.get("error_message", told.get("error_exception", ""))
            raise self._refused(command, told["error"], why)
        return told

    def _refused(self, command: str, error: str, message: str) -> RequestRefusedError:
        return RequestRefusedError(server=self._url, command=command, error=error, message=message)

    async def _read(self, connection: ClientConnection) -> None:
        try:
            async for frame in connection:
                message = msgspec.json.decode(frame)
                if message.get("type") == "ledgerClosed":
                    self._closed.set()
                answer = self._waiting.get(message.get("id"))
                if answer is not None and not answer.done():
                    answer.set_result(message)
        finally:
            gone = UnreachableError(servers=self._url, why="the connection ended")
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(gone)
