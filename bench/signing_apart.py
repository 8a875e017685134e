"""What it costs that the keys are in a process apart: signing over the socket, and in process.

The signer is the real command with a store of its own, in which each request is written down before
its signatures leave. In process the key is in a store as well, and signing writes nothing: that is
what the ratio is the price of. By the clock, for two processes share the processors, and both are
asked in turn.
"""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

from bench.instrument import alternate, ratios
from bench.report import Report, reading
from bench.scale import Scale
from watchtower.judgement.claim import Claim
from watchtower.keys.authority import Right
from watchtower.keys.hands import Hand
from watchtower.keys.remote_signer import RemoteSigner
from watchtower.keys.signer import Signer
from watchtower.keys.signer_line import SignerLine
from watchtower.keys.vault import Algorithm, Vault
from watchtower.ledger.events import Seat
from watchtower.response.transaction import claim_transaction
from watchtower.sandbox.people import Person
from watchtower.settings import CONFIG_VARIABLE
from watchtower.store.database import Store
from watchtower.units import Address, ChannelId, Drops, LedgerIndex

__all__ = ["measure"]

_PER_ROUND: Final = 600
_SINGLES: Final = 40
_PASSPHRASE: Final = "only for measuring"  # noqa: S105 - of a store that lives for a minute
_CAP: Final = Drops(1_000)
_PAYER: Final = Person.named("a payer of measured claims")
_PAYEE: Final = Person.named("a payee of measured claims")
_ACCOUNT: Final = Address(_PAYEE.address)


def measure(scale: Scale) -> Report:
    """Sign claims by the hundred, and one at a time, here and over the socket, in turn."""
    with asyncio.Runner() as runner, TemporaryDirectory() as folder, ExitStack() as stack:
        bench = runner.run(_Bench.in_folder(Path(folder)))
        stack.callback(lambda: runner.run(bench.close()))
        stack.enter_context(_signer(Path(folder), bench.socket))
        sides = {
            "apart": lambda: runner.run(bench.many(bench.apart)),
            "here": lambda: runner.run(bench.many(bench.here)),
        }
        many = alternate(scale.rounds, sides)
        one = alternate(
            scale.rounds,
            {
                "apart": lambda: runner.run(bench.single(bench.apart)),
                "here": lambda: runner.run(bench.single(bench.here)),
            },
        )
    return Report(
        readings=(
            reading("sign.apart_per_s", "1/s", many["apart"]),
            reading("sign.here_per_s", "1/s", many["here"]),
            reading("sign.apart_over_here", "ratio", ratios(many["apart"], many["here"])),
            reading("sign.apart_single_ms", "ms", one["apart"]),
            reading("sign.here_single_ms", "ms", one["here"]),
        )
    )


class _Bench:
    """Both ways of signing, and claims that nobody has signed for yet."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.socket = folder / "socket"
        self._store = store
        self._line = SignerLine(self.socket)
        self._seats = count(1)
        self.here = Signer(Vault(store), [_ACCOUNT], _CAP, right=Right.MASTER_KEY)
        self.apart = RemoteSigner(self._line, [_ACCOUNT], _CAP, right=Right.MASTER_KEY)
        channel = ChannelId("AB" * 32)
        self._claim = Claim(
            channel=channel,
            amount=Drops(1_000_000),
            public_key=_PAYER.public_key,
            signature=_PAYER.sign_claim(channel, Drops(1_000_000)),
        )

    @classmethod
    async def in_folder(cls, folder: Path) -> _Bench:
        """Make two stores with the same key: one for here, one for the signer."""
        for name in ("signer.db", "here.db"):
            async with await Store.create(folder / name, _PASSPHRASE) as store:
                await Vault(store).import_seed(_ACCOUNT, _PAYEE.seed, algorithm=Algorithm.SECP256K1)
        return cls(await Store.open(folder / "here.db", _PASSPHRASE), folder)

    async def close(self) -> None:
        """Hang up, and close the store."""
        await self._line.close()
        await self._store.close()

    async def many(self, hand: Hand) -> float:
        """Sign as in a mass exit; return how many a second."""
        begun = time.perf_counter()
        done = 0
        async for _ in hand.sign_each(self._transactions(_PER_ROUND)):
            done += 1
        if done != _PER_ROUND:
            raise AssertionError(done)
        return done / (time.perf_counter() - begun)

    async def single(self, hand: Hand) -> float:
        """Sign claims that come one at a time; return the milliseconds that each took."""
        begun = time.perf_counter()
        for transaction in self._transactions(_SINGLES):
            await hand.sign(transaction)
        return (time.perf_counter() - begun) / _SINGLES * 1e3

    def _transactions(self, number: int) -> Iterable[Mapping[str, Any]]:
        for _ in range(number):
            yield claim_transaction(
                account=_ACCOUNT,
                claim=self._claim,
                target=self._claim.amount,
                fee=Drops(12),
                seat=Seat(next(self._seats)),
                last_ledger=LedgerIndex(20),
                network_id=0,
            )


@contextmanager
def _signer(folder: Path, socket: Path) -> Iterator[None]:
    """Run the signer, and stop it."""
    config = folder / "signer.toml"
    config.write_text(
        f'[signer]\nusers = [{os.getuid()}]\npayees = ["{_ACCOUNT}"]\nsocket = "socket"\n'
        "allow_master_key = true\ndaily_cap_drops = 1000000000\ndaily_signatures = 10000000\n",
        encoding="utf-8",
    )
    environment = {
        **os.environ,
        CONFIG_VARIABLE: str(config),
        "WATCHTOWER_PASSPHRASE": _PASSPHRASE,
    }
    command = [sys.executable, "-m", "watchtower", "signer", "run"]
    with subprocess.Popen(  # noqa: S603 - our own words
        command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    ) as signer:
        try:
            _until_it_listens(signer)
            if not socket.is_socket():
                raise AssertionError("the signer does not listen")
            yield
        finally:
            signer.terminate()
            signer.communicate()


def _until_it_listens(signer: subprocess.Popen[bytes]) -> None:
    if signer.stderr is None:
        raise AssertionError("the signer's log goes nowhere")
    for line in signer.stderr:
        if b'"signing"' in line:
            return
    raise AssertionError("the signer ended")
