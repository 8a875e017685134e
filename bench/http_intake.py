"""Claims over HTTP: how many a second in batches, and how long one takes that comes by itself.

The door is in a process of its own, and this one is its client, which has to share the processors
with it. Batches are compared with the library's own verification, in turn. Single claims come in an
open loop: each at its time, whether those before it were answered or not, so that nothing that
waits is left out of the figures.
"""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from statistics import quantiles
from tempfile import TemporaryDirectory
from typing import Final

import msgspec

from bench.instrument import alternate, ratios
from bench.intake import Flow, as_message
from bench.report import Report, reading
from bench.scale import Scale
from watchtower.judgement.claim import Claim

__all__ = ["Client", "measure"]

_CALLERS: Final = 8
_BATCH: Final = 100
_PER_ROUND: Final = 4_000
_CONNECTIONS: Final = 32
_A_SECOND: Final = 500
_SECONDS: Final = 10


def measure(scale: Scale) -> Report:
    """Hand over batches in turn with verifying by the library, and then single claims."""
    flow = Flow(ed25519=False)
    with flow.alone(), TemporaryDirectory() as folder, _door(Path(folder) / "door.sock") as path:
        client = Client(path)
        sides = {
            "http": lambda: flow.run(client.batches(flow.claims(_PER_ROUND))),
            "ceiling": flow.by_the_library,
        }
        found = alternate(scale.rounds, sides)
        claims = flow.claims(_A_SECOND * _SECONDS)
        waits = flow.run(client.singles(claims, a_second=_A_SECOND))
    cuts = quantiles(waits, n=100, method="inclusive")
    return Report(
        readings=(
            reading("intake.http_batch_per_s", "1/s", found["http"]),
            reading(
                "intake.http_batch_over_ceiling", "ratio", ratios(found["http"], found["ceiling"])
            ),
            reading("intake.http_single_p50_ms", "ms", [cuts[49] * 1e3]),
            reading("intake.http_single_p99_ms", "ms", [cuts[98] * 1e3]),
        )
    )


@contextmanager
def _door(path: Path) -> Iterator[str]:
    """Start the door, and stop it."""
    command = [sys.executable, "-m", "bench.http_door", str(path), "secp256k1"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as door:  # noqa: S603 - our own words
        if door.stdout is None or door.stdout.readline() != b"ready\n":
            raise AssertionError("the door did not open")
        yield str(path)
        door.communicate()


class Client:
    """A client that does as little as can be: it shares the processors with the door."""

    def __init__(self, path: str) -> None:
        """Know where to go."""
        self._path = path

    async def batches(self, claims: Sequence[Claim]) -> float:
        """Hand over claims as a platform would; return how many a second were kept."""

        async def call(number: int) -> None:
            reader, writer = await asyncio.open_unix_connection(self._path)
            # Each caller has channels of its own, and so never comes too late.
            mine = claims[number::_CALLERS]
            for first in range(0, len(mine), _BATCH):
                batch = [as_message(claim) for claim in mine[first : first + _BATCH]]
                _check(await _ask(reader, writer, batch), len(batch))
            writer.close()

        begun = time.perf_counter()
        await asyncio.gather(*(call(number) for number in range(_CALLERS)))
        return len(claims) / (time.perf_counter() - begun)

    async def singles(self, claims: Sequence[Claim], *, a_second: int) -> list[float]:
        """Hand over claims one at a time, at fixed times; return the seconds that each took."""
        free: asyncio.Queue[tuple[asyncio.StreamReader, asyncio.StreamWriter]] = asyncio.Queue()
        for _ in range(_CONNECTIONS):
            free.put_nowait(await asyncio.open_unix_connection(self._path))
        waits: list[float] = []

        async def hand_over(claim: Claim, due: float) -> None:
            connection = await free.get()
            await _ask(*connection, as_message(claim))
            free.put_nowait(connection)
            waits.append(time.perf_counter() - due)

        begun = time.perf_counter()
        async with asyncio.TaskGroup() as tasks:
            for number, claim in enumerate(claims):
                due = begun + number / a_second
                if (early := due - time.perf_counter()) > 0:
                    await asyncio.sleep(early)
                tasks.create_task(hand_over(claim, due))
        while not free.empty():
            free.get_nowait()[1].close()
        return waits


async def _ask(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, message: object
) -> bytes:
    body = msgspec.json.encode(message)
    writer.write(
        b"POST /v1/claims HTTP/1.1\r\nhost: door\r\ncontent-type: application/json\r\n"
        b"content-length: %d\r\n\r\n%b" % (len(body), body)
    )
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if not head.startswith(b"http/1.1 200"):
        raise AssertionError(head.decode())
    length = head.partition(b"content-length: ")[2].partition(b"\r\n")[0]
    return await reader.readexactly(int(length))


def _check(answer: bytes, count: int) -> None:
    if answer.count(b'"kept":true') != count:
        raise AssertionError("a good claim was not kept")
