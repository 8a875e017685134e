"""How many claims a second the door takes: verified, decided, sealed, on disk, and receipted.

Twenty callers hand over a hundred claims at a time, on two hundred channels, as a platform's
servers would. It is compared, by the clock and in turn, with what nobody can beat on one thread:
the library's own verification of as many signatures, with everything in its hands already.
"""

from __future__ import annotations

import asyncio
import cProfile
import time
from collections.abc import Callable, Coroutine, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha512
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Any, Final, TypeVar

from coincurve import PublicKey
from nacl.bindings import crypto_sign_open
from xrpl.core.keypairs import is_valid_message

from bench.instrument import alternate, profiled, ratios
from bench.report import Reading, Report, reading
from bench.scale import Scale
from watchtower.claims.door import Door
from watchtower.claims.intake import Intake, Taken
from watchtower.claims.notary import Notary
from watchtower.claims.sight import UNSEEN, Guard, Sight
from watchtower.claims.verifying import Verifier
from watchtower.judgement.channel import Channel
from watchtower.judgement.claim import Claim, claim_message
from watchtower.judgement.policy import Policy
from watchtower.keys.identity import make_identity
from watchtower.ledger.events import END_OF_LEDGER, ChannelChanged, ChannelEntry, Position
from watchtower.sandbox.people import Person
from watchtower.store.database import Store
from watchtower.units import ChannelId, Drops, LedgerIndex, RippleTime

__all__ = ["Flow", "as_message", "measure"]

Value = TypeVar("Value")

_CHANNELS: Final = 200
_CALLERS: Final = 20
_BATCH: Final = 100
_PER_ROUND: Final = 8_000
_BY_XRPL_PY: Final = 20
_CHECKS: Final = 500
_AT: Final = Position(LedgerIndex(9), END_OF_LEDGER)
_NOW: Final = RippleTime(820_540_900)
_KINDS: Final = ("", "_ed25519")


def measure(scale: Scale) -> Report:
    """Take claims signed with both kinds of keys."""
    readings: list[Reading] = []
    checks: list[float] = []
    profiler = cProfile.Profile()
    for kind in _KINDS:
        with Flow(ed25519=bool(kind)).opened() as flow:
            found = alternate(scale.rounds, flow.sides)
            if not kind:
                profiler.enable()
                flow.through_the_door()
                profiler.disable()
                checks = flow.checks()
        readings += (
            reading(f"intake.verify_ceiling{kind}_per_s", "1/s", found["ceiling"]),
            reading(f"intake.xrplpy{kind}_per_s", "1/s", found["xrpl-py"]),
            reading(f"intake.durable{kind}_per_s", "1/s", found["door"]),
            reading(
                f"intake.durable{kind}_over_ceiling",
                "ratio",
                ratios(found["door"], found["ceiling"]),
            ),
            reading(
                f"intake.durable{kind}_over_xrplpy",
                "ratio",
                ratios(found["door"], found["xrpl-py"]),
            ),
        )
    cuts = quantiles(checks, n=100, method="inclusive")
    readings += (
        reading("check.p50_us", "µs", [cuts[49] * 1e6]),
        reading("check.p99_us", "µs", [cuts[98] * 1e6]),
    )
    lines, where = profiled(profiler)
    return Report(readings=readings, where=where, profile=lines)


@dataclass(frozen=True, slots=True)
class _Known:
    """Channels that are all known and open."""

    channels: Mapping[ChannelId, Channel]

    def watched(self, channel: ChannelId) -> Channel | None:
        return self.channels.get(channel)

    def see(self, channel: ChannelId) -> Sight | None:
        known = self.channels[channel]
        return Sight(fact=ChannelChanged(entry=known.entry, at=known.as_of), ledger_time=_NOW)

    async def look(self, _channel: ChannelId) -> Sight:
        return UNSEEN

    def taken(self, taken: Taken) -> None:
        """Nobody is told."""


class Flow:
    """Ever higher claims of one payer, and the door that takes them."""

    def __init__(self, *, ed25519: bool) -> None:
        """Know the payer and its channels; `opened` opens the door."""
        self._is_ed25519 = ed25519
        self._payer = Person.named("payer", ed25519=ed25519)
        self._payee = Person.named("payee")
        names = [ChannelId(f"{number:064X}") for number in range(1, _CHANNELS + 1)]
        self._channels = {name: Channel(entry=self._entry(name), as_of=_AT) for name in names}
        self._drops = 0
        self.door: Door
        self._runner = asyncio.Runner()

    @contextmanager
    def opened(self) -> Iterator[Flow]:
        """Open a door on a new store, and close it."""
        guard = Guard(payees=frozenset({self._payee.address}), policy=Policy())
        with TemporaryDirectory() as folder, self._runner as runner:
            store = runner.run(Store.create(Path(folder) / "w.db", "correct horse"))
            self._store = store
            notary = Notary(time.time, runner.run(make_identity(store)))
            verifier = Verifier()
            self.door = Door(
                Intake(store, guard, notary),
                guard,
                lookout=_Known(self._channels),
                verifier=verifier,
            )
            running = runner.get_loop().create_task(self.door.run())
            try:
                yield self
            finally:
                running.cancel()
                runner.run(asyncio.wait({running}))
                verifier.close()
                runner.run(store.close())

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Sign claims for a door that is elsewhere."""
        with self._runner:
            yield

    def run(self, work: Coroutine[Any, Any, Value]) -> Value:
        """Run something on the event loop of the door."""
        return self._runner.run(work)

    @property
    def sides(self) -> Mapping[str, Callable[[], float]]:
        """What is compared: each returns how many claims a second it does."""
        return {
            "door": self.through_the_door,
            "ceiling": self.by_the_library,
            "xrpl-py": self._by_xrpl_py,
        }

    def through_the_door(self) -> float:
        """Hand over claims as a platform would."""
        claims = self.claims(_PER_ROUND)

        async def call(number: int) -> None:
            # Each caller has channels of its own, and so never comes too late.
            mine = claims[number::_CALLERS]
            for first in range(0, len(mine), _BATCH):
                answers = await self.door.take(mine[first : first + _BATCH])
                if not all(answer.is_stored and answer.receipt for answer in answers):
                    raise AssertionError("a good claim was not kept, or has no receipt")

        async def all_call() -> None:
            await asyncio.gather(*(call(number) for number in range(_CALLERS)))

        begun = time.perf_counter()
        self._runner.run(all_call())
        return len(claims) / (time.perf_counter() - begun)

    def checks(self) -> list[float]:
        """Ask claim by claim whether it would be acceptable; return the seconds of each."""

        async def ask() -> list[float]:
            seconds = []
            for claim in self.claims(_CHECKS):
                begun = time.perf_counter()
                await self.door.check([claim])
                seconds.append(time.perf_counter() - begun)
            return seconds

        return self._runner.run(ask())

    def best_claims(self) -> list[Claim]:
        """Return what is on disk."""

        async def load() -> list[Claim]:
            async with self._store.read() as work:
                return await work.claims.load_all()

        return self._runner.run(load())

    def by_the_library(self) -> float:
        """Verify claims with all that it takes in hand already."""
        claims = self.claims(_PER_ROUND // 4)
        ready = [_in_bytes(claim) for claim in claims]
        check = _ed25519 if self._is_ed25519 else _secp256k1
        begun = time.perf_counter()
        for key, message, signature in ready:
            check(key, message, signature)
        return len(ready) / (time.perf_counter() - begun)

    def _by_xrpl_py(self) -> float:
        claims = self.claims(_BY_XRPL_PY)
        ready = [(_in_bytes(claim), claim.public_key) for claim in claims]
        begun = time.perf_counter()
        for (_, message, signature), key in ready:
            if not is_valid_message(message, signature, key):
                raise AssertionError("a good signature was refused")
        return len(ready) / (time.perf_counter() - begun)

    def claims(self, count: int) -> Sequence[Claim]:
        """Return new claims, each above all before, the channels in turn."""
        names = list(self._channels)
        claims = []
        for number in range(count):
            self._drops += 1
            name, drops = names[number % _CHANNELS], Drops(self._drops)
            signature = self._payer.sign_claim(name, drops)
            claims.append(
                Claim(
                    channel=name,
                    amount=drops,
                    public_key=self._payer.public_key,
                    signature=signature,
                )
            )
        return claims

    def _entry(self, name: ChannelId) -> ChannelEntry:
        return ChannelEntry(
            channel=name,
            source=self._payer.address,
            destination=self._payee.address,
            amount=Drops(10**12),
            balance=Drops(0),
            public_key=self._payer.public_key,
            settle_delay=86_400,
        )


def as_message(claim: Claim) -> dict[str, object]:
    """Return a claim as it is sent."""
    return {
        "channel": claim.channel,
        "amount": claim.amount,
        "signature": claim.signature,
        "public_key": claim.public_key,
    }


def _in_bytes(claim: Claim) -> tuple[bytes, bytes, bytes]:
    message = claim_message(claim.channel, claim.amount)
    return bytes.fromhex(claim.public_key), message, bytes.fromhex(claim.signature)


def _secp256k1(key: bytes, message: bytes, signature: bytes) -> None:
    digest = sha512(message).digest()[:32]
    if not PublicKey(key).verify(signature, digest, None):
        raise AssertionError("a good signature was refused")


def _ed25519(key: bytes, message: bytes, signature: bytes) -> None:
    crypto_sign_open(signature + message, key[1:])
