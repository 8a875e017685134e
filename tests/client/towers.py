"""Towers to hand claims to: the real one on the sandbox ledger, and one that says what it is told.

The second one is a server on a real socket that misbehaves as no tower of ours does by itself.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any

import msgspec

from tests.tower.conftest import Stage
from watchtower.client import Claim, TowerClient
from watchtower.judgement.claim import Claim as Signed
from watchtower.settings import HttpSettings


def claim_of(signed: Signed) -> Claim:
    """The claim as a platform has it."""
    return Claim(
        channel=signed.channel,
        amount=signed.amount,
        signature=signed.signature,
        public_key=signed.public_key,
    )


def listen(stage: Stage, folder: Path) -> str:
    """Have the stage's towers listen at a socket; return its place."""
    place = f"unix:{folder / 'door.sock'}"
    stage.with_settings(http=HttpSettings(listen=place))
    return place


async def until_ready(stage: Stage, tower: TowerClient) -> None:
    """Close ledgers until the tower judges by a fresh one."""

    async def ready() -> bool:
        try:
            return (await tower.ready()).is_ready
        except Exception:  # noqa: BLE001 - it does not listen yet
            return False

    await stage.until(ready)


@dataclass
class Teller:
    """A tower that gives one answer after the other, the last one for ever.

    ``answers`` are a status, headers and a body each, or a function that makes them of the
    request; ``heard`` is every request: method, path, headers, body.
    """

    answers: list[Any]
    heard: list[tuple[str, str, dict[str, str], bytes]] = field(default_factory=list)
    place: str = ""
    talking: set[asyncio.Task[Any]] = field(default_factory=set)

    def connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Begin to serve a connection."""
        self.talking.add(asyncio.create_task(self.talk(reader, writer)))

    async def end(self) -> None:
        """Let go of every connection."""
        for task in self.talking:
            task.cancel()
        await asyncio.gather(*self.talking, return_exceptions=True)

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Serve one connection."""
        try:
            while (request := await self._read(reader)) is not None:
                self.heard.append(request)
                answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
                if callable(answer):
                    answer = answer(request)
                if answer is None:
                    break
                status, headers, body = answer
                lines = [f"HTTP/1.1 {status} {HTTPStatus(status).phrase}"]
                lines += [f"{name}: {value}" for name, value in headers.items()]
                lines += [f"content-length: {len(body)}", "", ""]
                writer.write("\r\n".join(lines).encode() + body)
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    @staticmethod
    async def _read(
        reader: asyncio.StreamReader,
    ) -> tuple[str, str, dict[str, str], bytes] | None:
        head = await reader.readuntil(b"\r\n\r\n")
        first, *lines = head.decode().strip().split("\r\n")
        method, path, _ = first.split(" ")
        headers = {
            name.strip().lower(): value.strip()
            for name, _, value in (line.partition(":") for line in lines)
        }
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        return method, path, headers, body


@asynccontextmanager
async def teller(*answers: Any) -> AsyncIterator[Teller]:
    """A tower that tells these answers, at a port of this machine."""
    made = Teller(list(answers))
    server = await asyncio.start_server(made.connect, "127.0.0.1", 0)
    made.place = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield made
    finally:
        server.close()
        await made.end()


def problem(status: int, word: str, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """A problem as the tower tells it."""
    body = {"type": word, "title": "a title", "status": status, "detail": "A sentence."}
    return status, headers, msgspec.json.encode(body)


def keep(
    *, serve: bool = True, **more: Any
) -> Callable[[tuple[str, str, dict[str, str], bytes]], tuple[int, dict[str, str], bytes]]:
    """An answer that keeps whatever claims come."""

    def answer(
        request: tuple[str, str, dict[str, str], bytes],
    ) -> tuple[int, dict[str, str], bytes]:
        told = [
            {
                "channel": claim["channel"],
                "kept": True,
                "pending": False,
                "serve": serve,
                "reasons": [] if serve else ["closing"],
                "why_not_serve": [],
                "amount": claim["amount"],
                "best": claim["amount"],
                "role": "payee",
                **more,
            }
            for claim in msgspec.json.decode(request[3])
        ]
        return 200, {}, msgspec.json.encode(told)

    return answer
