"""The door of a signer: one unix socket, for the users that its settings name, and nobody else.

What it guarantees, whoever connects: the kernel says who it is (``SO_PEERCRED``, unix(7)), and
nobody else gets further; a frame is read whole or the connection ends, and none is longer than is
bounded; as many connections stand as are bounded, and for a new one the one that has been quiet
the longest makes room, so that who only connects, or sends a byte now and then, keeps nobody out.
"""

from __future__ import annotations

import asyncio
import os
import socket
import stat
import struct
from collections.abc import Collection
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import structlog

from watchtower.errors import ConfigError, ListenError, StoreError
from watchtower.keys.signer_messages import (
    HEAD_BYTES,
    Answer,
    KeysAnswer,
    KeysRequest,
    Refusal,
    Request,
    ShareRequest,
    SignAnswer,
    SignRequest,
    framed,
    length_of,
    read_request,
)
from watchtower.signer.clerk import Clerk

__all__ = ["Door", "Patience", "listening_socket", "who_listens"]

_log = structlog.get_logger(__name__)

_SOCKET_MODE: Final = 0o660
_BACKLOG: Final = 16
_MOST: Final = 16
"""Connections; one daemon has one."""

_A_MOMENT: Final = 0.05
"""Seconds between two looks at who is still busy, once the door closes."""

_CREDENTIALS: Final = struct.Struct("3i")
"""Process, user and group of who connected, as Linux tells them (unix(7), SO_PEERCRED)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """Seconds that a client may take: for the rest of a frame, to read an answer, to ask again."""

    frame: float = 10.0
    answer: float = 10.0
    quiet: float = 3_600.0


def listening_socket(path: Path, *, group: int | None, config: Path) -> socket.socket:
    """Return a socket that listens at ``path``, for its owner and its group.

    Raises:
        ConfigError: others could put another one in its place; ``config`` is where it is named.
        ListenError: nobody can listen there.
    """
    _refuse_open_folder(path.parent, config)
    with suppress(FileNotFoundError):
        # Of a signer that was killed; what is no socket is somebody's file, and stays.
        if stat.S_ISSOCK(path.lstat().st_mode):
            path.unlink()
    made = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    before = os.umask(0o777 & ~_SOCKET_MODE)
    try:
        made.bind(str(path))
        if group is not None:
            os.chown(path, -1, group)
        made.listen(_BACKLOG)
    except OSError as problem:
        made.close()
        raise ListenError(place=path, why=problem.strerror or str(problem)) from None
    finally:
        os.umask(before)
    made.setblocking(False)  # noqa: FBT003 - the standard library's own
    return made


def who_listens(path: Path) -> int | None:
    """Return the process that listens at a socket, as the kernel tells it; None if nobody does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as line:
        # Whoever listens there and lets nobody in is no signer of ours, and waited for no longer.
        line.settimeout(_A_MOMENT)
        try:
            line.connect(str(path))
            raw = line.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        except OSError:
            return None
    process, _, _ = _CREDENTIALS.unpack(raw)
    return int(process)


def _refuse_open_folder(folder: Path, config: Path) -> None:
    """Refuse a folder in which others could take the socket away, and answer in its place."""
    try:
        found = folder.stat()
    except OSError as problem:
        why = f"`signer.socket` is to be in {folder}: {problem.strerror}"
        raise ConfigError(path=config, why=why) from None
    mode = stat.S_IMODE(found.st_mode)
    if mode & 0o022 or found.st_uid not in {0, os.geteuid()}:
        why = (
            f"`signer.socket` is to be in {folder}, where others can write (mode {mode:04o}, user "
            f"{found.st_uid}): they could put a socket of their own there; name a folder of the "
            "signer's own"
        )
        raise ConfigError(path=config, why=why)


class _Visit:
    """One connection: who it is of, and since when it is quiet."""

    def __init__(self, writer: asyncio.StreamWriter, who: str, now: float) -> None:
        self.writer = writer
        self.who = who
        self.quiet_since: float | None = now


class Door:
    """Takes requests for one clerk."""

    def __init__(
        self, clerk: Clerk, *, users: Collection[int], patience: Patience = Patience()
    ) -> None:
        """Let in the users of these numbers."""
        self._clerk = clerk
        self._users = frozenset(users)
        self._patience = patience
        self._visits: dict[asyncio.Task[None], _Visit] = {}

    async def serve(self, at: socket.socket) -> None:
        """Let in whoever may, until cancelled; what is being signed then is finished first."""
        server = await asyncio.start_unix_server(self._enter, sock=at)
        try:
            await asyncio.Event().wait()
        finally:
            server.close()
            # Who is busy now is quiet in a moment, and would then wait for another request.
            while self._visits:
                for task, visit in list(self._visits.items()):
                    if visit.quiet_since is not None:
                        task.cancel()
                await asyncio.wait(list(self._visits), timeout=_A_MOMENT)

    async def _enter(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is None or (who := self._who(writer)) is None:
            writer.transport.abort()
            return
        if not self._has_room():
            writer.transport.abort()
            return
        visit = _Visit(writer, who, asyncio.get_running_loop().time())
        self._visits[task] = visit
        try:
            await self._converse(reader, visit)
        except (OSError, TimeoutError, asyncio.CancelledError, asyncio.IncompleteReadError):
            # It went, was slow, or had to make room: none of it is worth a word. Nobody else
            # cancels this, and asyncio would call a task that ends so a mistake.
            pass
        except ValueError as nonsense:
            _log.warning("nonsense_sent", who=who, why=str(nonsense))
        finally:
            del self._visits[task]
            writer.transport.abort()

    def _who(self, writer: asyncio.StreamWriter) -> str | None:
        """Return who connected; None if that is nobody who may."""
        told: socket.socket = writer.get_extra_info("socket")
        raw = told.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        process, user, _ = _CREDENTIALS.unpack(raw)
        if user not in self._users:
            _log.warning("stranger_turned_away", user=user, process=process)
            return None
        return f"user {user}, process {process}"

    def _has_room(self) -> bool:
        """Return whether one more may stay; who has been quiet the longest goes for it."""
        if len(self._visits) < _MOST:
            return True
        quiet = {
            task: visit.quiet_since
            for task, visit in self._visits.items()
            if visit.quiet_since is not None and not task.cancelling()
        }
        if quiet:
            min(quiet, key=quiet.__getitem__).cancel()
        return bool(quiet)

    async def _converse(self, reader: asyncio.StreamReader, visit: _Visit) -> None:
        loop = asyncio.get_running_loop()
        while True:
            async with asyncio.timeout(self._patience.quiet):
                head = await reader.readexactly(HEAD_BYTES)
            async with asyncio.timeout(self._patience.frame):
                request = read_request(await reader.readexactly(length_of(head)))
            visit.quiet_since = None
            visit.writer.write(framed(await self._answer(request, visit.who)))
            visit.quiet_since = loop.time()
            async with asyncio.timeout(self._patience.answer):
                await visit.writer.drain()

    async def _answer(self, request: Request, who: str) -> Answer:
        if isinstance(request, KeysRequest):
            try:
                held = await self._clerk.keys()
                return KeysAnswer(id=request.id, keys=held, fee_cap=self._clerk.fee_cap)
            except StoreError as failure:
                _log.warning("keys_not_read", why=str(failure))
                why = "its store cannot be read now; its own log says why"
                return SignAnswer(id=request.id, refusal=Refusal(kind="unable", why=why))
        is_share = isinstance(request, ShareRequest)
        keys = request.keys if isinstance(request, SignRequest) else {}
        return await self._clerk.sign(
            request.id, request.transactions, who=who, is_share=is_share, keys=keys
        )
