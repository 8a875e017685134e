"""The line to a signer apart: requests go out, answers come back, and what broke is made anew.

What it guarantees: whoever asks gets an answer or a `SignerUnreachableError` within its patience,
whatever the other side does. A line that broke is tried anew once for each request, since the
signer may have been started again; asking twice does no harm, for the same transaction gets the
same signature. After a failure nobody is kept waiting for the next second: thousands that are to
be signed find out at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

from watchtower.errors import SignerUnreachableError
from watchtower.keys.signer_messages import (
    HEAD_BYTES,
    Answer,
    KeysAnswer,
    KeysRequest,
    Request,
    framed,
    length_of,
    read_answer,
)
from watchtower.units import Address, Drops

__all__ = ["SignerLine"]

_PATIENCE: Final = 5.0
_PAUSE: Final = 1.0


class _Broken(Exception):  # noqa: N818 - never leaves this module
    """The line is of no use any more; the text says why."""


class _Open:
    """One connection, with those who wait for answers on it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer
        self._waiting: dict[int, asyncio.Future[Answer]] = {}
        self._broken: str | None = None
        self._reading = asyncio.create_task(self._read(), name="hear the signer")

    @property
    def is_good(self) -> bool:
        return self._broken is None

    async def ask(self, request: Request, patience: float) -> Answer:
        """Return the answer to ``request``."""
        if self._broken is not None:
            raise _Broken(self._broken)
        answer: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self._waiting[request.id] = answer
        try:
            async with asyncio.timeout(patience):
                self._writer.write(framed(request))
                with suppress(ConnectionError):  # who reads finds out, and says why
                    await self._writer.drain()
                return await answer
        except TimeoutError:
            # Answers to what was given up would only pile up in front of the next.
            self.end(f"it did not answer within {patience:.0f} s")
            raise
        finally:
            self._waiting.pop(request.id, None)
            answer.cancel()

    def end(self, why: str) -> None:
        """Hang up; whoever still waits is told why."""
        if self._broken is None:
            self._broken = why
            self._writer.transport.abort()
            self._reading.cancel()
            for answer in self._waiting.values():
                if not answer.done():
                    answer.set_exception(_Broken(why))

    async def ended(self) -> None:
        """Wait until nothing of it is left."""
        with suppress(asyncio.CancelledError):
            await self._reading
        with suppress(OSError):
            await self._writer.wait_closed()

    async def _read(self) -> None:
        why = "it hung up"
        try:
            while True:
                length = length_of(await self._reader.readexactly(HEAD_BYTES))
                answer = read_answer(await self._reader.readexactly(length))
                waiting = self._waiting.get(answer.id)
                # Nobody waits for the answer to what was given up meanwhile.
                if waiting is not None and not waiting.done():
                    waiting.set_result(answer)
        except ValueError as nonsense:
            why = str(nonsense)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            self.end(why)


class SignerLine:
    """Asks the signer that listens at ``path``."""

    def __init__(self, path: Path, *, patience: float = _PATIENCE, pause: float = _PAUSE) -> None:
        """Connect when first asked.

        Args:
            path: of the signer's unix socket.
            patience: seconds that one answer may take.
            pause: seconds after a failure in which nothing is tried.
        """
        self.path = path
        self.fee_cap: Drops | None = None
        """The most that the signer signs at once, as last told."""
        self._patience = patience
        self._pause = pause
        self._line: _Open | None = None
        self._connecting = asyncio.Lock()
        self._trouble: tuple[float, str] | None = None
        self._next = 0

    async def ask(self, make: Callable[[int], Request]) -> Answer:
        """Return the answer to the request that ``make`` returns for a number.

        Raises:
            SignerUnreachableError: there is none.
        """
        now = asyncio.get_running_loop().time()
        if self._trouble is not None and now < self._trouble[0]:
            raise SignerUnreachableError(place=self.path, why=self._trouble[1])
        was_open = self._line is not None and self._line.is_good
        try:
            try:
                return await self._ask(make)
            except _Broken:
                if not was_open:
                    raise
                return await self._ask(make)
        except _Broken as broken:
            raise self._unreachable(str(broken)) from None
        except TimeoutError:
            raise self._unreachable(f"it did not answer within {self._patience:.0f} s") from None
        except OSError as problem:
            raise self._unreachable(problem.strerror or str(problem)) from None

    async def keys(self) -> Mapping[Address, tuple[str, ...]]:
        """Return the public keys that the signer holds, by account, in upper-case hex.

        Of two the first signs, and the other takes its place by a rotation that is under way.

        Raises:
            SignerUnreachableError: it does not tell.
        """
        answer = await self.ask(lambda number: KeysRequest(id=number))
        if not isinstance(answer, KeysAnswer):
            refusal = answer.refusal
            why = "it does not tell its keys" if refusal is None else refusal.why
            raise SignerUnreachableError(place=self.path, why=why)
        self.fee_cap = None if answer.fee_cap is None else Drops(answer.fee_cap)
        found: dict[Address, tuple[str, ...]] = {}
        for key in answer.keys:
            account = Address(key.account)
            found[account] = (*found.get(account, ()), key.public_key)
        return found

    async def close(self) -> None:
        """Hang up."""
        if self._line is not None:
            self._line.end("we hung up")
            await self._line.ended()
            self._line = None

    async def _ask(self, make: Callable[[int], Request]) -> Answer:
        self._next += 1
        request = make(self._next)
        answer = await (await self._connected()).ask(request, self._patience)
        self._trouble = None
        return answer

    async def _connected(self) -> _Open:
        async with self._connecting:
            if self._line is None or not self._line.is_good:
                if self._line is not None:
                    await self._line.ended()
                async with asyncio.timeout(self._patience):
                    self._line = _Open(*await asyncio.open_unix_connection(str(self.path)))
            return self._line

    def _unreachable(self, why: str) -> SignerUnreachableError:
        self._trouble = (asyncio.get_running_loop().time() + self._pause, why)
        return SignerUnreachableError(place=self.path, why=why)
