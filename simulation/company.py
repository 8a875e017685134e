"""Those who sign with the tower: the real co-signers, behind a link on which everything fails.

Each is the house's own `Cosigner` with a store of its own; what it sees of the ledger is the
ledger's own state, and what it knows of claims is what it was shown, or what the tower acknowledged
too. What is asked of them comes as a request over HTTP, as it would over sockets.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import httpx
import msgspec
from typing_extensions import override

from simulation.disk import Disk
from simulation.holders import COSIGNERS, PAYEE
from simulation.host import PASSPHRASE
from simulation.land import Land
from simulation.oracle import Promise
from simulation.rights import CosignerIllness
from simulation.wire import Network
from watchtower.judgement.claim import Claim
from watchtower.keys.cosign_messages import CosignAnswers
from watchtower.keys.cosigner import Cosigner
from watchtower.keys.cosigning import CosignPolicy, Known, Now
from watchtower.keys.share import OwnShare
from watchtower.keys.vault import Vault
from watchtower.ledger.decode import decode_entry
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime

__all__ = ["Company", "places_of"]

_PORT: Final = 9_000
_QUICK: Final = 0.3
_SLOW: Final = 30.0
"""Seconds that an answer takes; the slow ones are later than anybody waits."""

_MOST_LEDGERS: Final = 32
_CAP: Final = Drops(1_000_000)
_DAILY_CAP: Final = Drops(100_000_000)


def places_of(token: Path) -> list[dict[str, str]]:
    """Return how the tower is told of its co-signers; ``token`` is a file that only it can read."""
    return [
        {
            "account": person.address,
            "public_key": person.public_key,
            "url": f"http://127.0.0.1:{_PORT + number}",
            "token_file": str(token),
        }
        for number, person in enumerate(COSIGNERS)
    ]


class Company(httpx.AsyncBaseTransport):
    """All of them. ``ill`` is what is wrong with each, by its number."""

    def __init__(
        self,
        land: Land,
        network: Network,
        stores: Sequence[Path],
        promises: Mapping[str, Sequence[Promise]] | None,
    ) -> None:
        """Begin.

        Args:
            land: the ledger, which they see as it is.
            network: the host's way to anybody.
            stores: a file for each, with its key in it.
            promises: what the tower acknowledged; None where they know only what they are shown.
        """
        self.ill: dict[int, CosignerIllness] = {}
        self._land = land
        self._network = network
        self._paths = stores
        self._promises = promises
        self._cosigners: dict[int, Cosigner] = {}
        self._stores: list[Store] = []
        self._turn = asyncio.Lock()

    def well(self) -> list[int]:
        """Return which of them do as they should."""
        is_reached = not (self._network.is_cut or self._network.is_deaf)
        return [n for n in range(len(COSIGNERS)) if is_reached and n not in self.ill]

    async def close(self) -> None:
        """Let go of their stores."""
        for store in self._stores:
            await store.close()

    @override
    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        number = (request.url.port or _PORT) - _PORT
        body = await request.aread()
        await asyncio.sleep(_QUICK)
        ill = self.ill.get(number)
        if ill is CosignerIllness.AWAY or self._network.is_cut:
            raise httpx.ConnectError("Connect call failed", request=request)
        if ill is CosignerIllness.SLOW or self._network.is_deaf:
            await asyncio.sleep(_SLOW)
        asked: list[dict[str, Any]] = msgspec.json.decode(body)["transactions"]
        if ill is CosignerIllness.GARBLES:
            return _response(b"{")
        if ill is CosignerIllness.LIES:
            # A signature, and a good one, of something else than what was asked for.
            asked = [{**one, "Fee": str(int(one["Fee"]) + 1)} for one in asked]
        if ill is CosignerIllness.REFUSES:
            answers = self._refusal(number, len(asked))
        else:
            answers = await (await self._cosigner(number)).answer(asked)
        return _response(msgspec.json.encode(answers))

    def _refusal(self, number: int, count: int) -> CosignAnswers:
        person = COSIGNERS[number]
        return msgspec.convert(
            {
                "account": person.address,
                "public_key": person.public_key,
                "answers": [{"refused": "it does not want to"}] * count,
            },
            CosignAnswers,
        )

    async def _cosigner(self, number: int) -> Cosigner:
        """Return one of them, made when it is asked for the first time."""
        async with self._turn:
            if number not in self._cosigners:
                self._cosigners[number] = await self._made(number)
            return self._cosigners[number]

    async def _made(self, number: int) -> Cosigner:
        person = COSIGNERS[number]
        driver = Disk().connections(lambda _step: None).open
        store = await Store.open(self._paths[number], PASSPHRASE, driver=driver)
        self._stores.append(store)
        sight = _Sight(self._land, self._promises)
        policy = CosignPolicy(
            payees=frozenset({PAYEE.address}),
            fee_cap=_CAP,
            daily_cap=_DAILY_CAP,
            most_ledgers=_MOST_LEDGERS,
            network_id=0,
        )
        return Cosigner(
            OwnShare(person.address, Vault(store)),
            sight,
            store=store,
            policy=lambda: policy,
            keep=sight.keep,
        )


def _response(body: bytes) -> httpx.Response:
    return httpx.Response(200, stream=httpx.ByteStream(body))


class _Sight:
    """What one of them sees of the ledger, and knows of claims."""

    def __init__(self, land: Land, promises: Mapping[str, Sequence[Promise]] | None) -> None:
        self._land = land
        self._promises = promises
        self._shown: dict[ChannelId, Claim] = {}

    def why_not_ready(self) -> str:
        return ""

    def now(self) -> Now:
        return Now(validated=LedgerIndex(self._land.index), time=RippleTime(self._land.now))

    def known(self, channel: ChannelId) -> Known:
        raw = self._land.raw(channel)
        entry = None if raw is None else decode_entry({**raw, "index": channel})
        return Known(entry=entry, best=self._best(channel))

    async def look(self, _channel: ChannelId) -> None:
        return

    async def keep(self, claims: Sequence[Claim]) -> None:
        self._shown.update({claim.channel: claim for claim in claims})

    def _best(self, channel: ChannelId) -> Claim | None:
        shown = self._shown.get(channel)
        told = [] if self._promises is None else self._promises.get(channel, ())
        most = max((promise.drops for promise in told), default=0)
        if shown is not None and shown.amount >= most:
            return shown
        if not most:
            return None
        person = self._land.payer_of(channel)
        return Claim(
            channel=channel,
            amount=Drops(most),
            public_key=person.public_key,
            signature=person.sign_claim(channel, Drops(most)),
        )
