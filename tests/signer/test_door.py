"""Where the signer listens, and whom it listens to; the rest is in tests/attacks."""

from __future__ import annotations

import asyncio
import os
import stat
from pathlib import Path
from typing import Any

import pytest

from tests.signer.process import signer_settings
from tests.store import make
from watchtower.errors import ConfigError, ListenError
from watchtower.keys.signer_messages import (
    HEAD_BYTES,
    HeldKey,
    KeysRequest,
    framed,
    length_of,
)
from watchtower.sandbox.people import Person
from watchtower.signer.clerk import Clerk
from watchtower.signer.door import Door, Patience, listening_socket

PAYEE = Person.named("a payee at the door")


def listen(path: Path) -> None:
    """Listen, and stop."""
    listening_socket(path, group=None, config=path).close()


@pytest.mark.parametrize("mode", [0o770, 0o707, 0o777, 0o1777])
def test_a_folder_in_which_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    """They could put a socket of their own there; sticky or not."""
    folder = tmp_path / "open"
    folder.mkdir()
    folder.chmod(mode)
    with pytest.raises(ConfigError, match="others can write"):
        listen(folder / "socket")
    assert list(folder.iterdir()) == []


def test_the_socket_is_its_owners_and_its_groups(tmp_path: Path) -> None:
    """Whatever the umask says."""
    tmp_path.chmod(0o750)
    before = os.umask(0)
    try:
        listen(tmp_path / "socket")
    finally:
        os.umask(before)
    found = (tmp_path / "socket").stat()
    assert stat.S_IMODE(found.st_mode) == 0o660
    assert stat.S_ISSOCK(found.st_mode)


def test_the_socket_of_one_that_was_killed_is_replaced_and_a_file_is_not(tmp_path: Path) -> None:
    """Nobody's file goes."""
    tmp_path.chmod(0o700)
    for _ in range(2):
        listen(tmp_path / "socket")
    (tmp_path / "file").write_text("somebody's")
    with pytest.raises(ListenError):
        listen(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "somebody's"
    with pytest.raises(ConfigError, match="No such file"):
        listen(tmp_path / "nowhere" / "socket")


@pytest.mark.parametrize(
    ("patience", "sent"),
    [
        (Patience(frame=0.05), b"\0\0\1\0{"),
        (Patience(quiet=0.05), b""),
        (Patience(quiet=0.05), b"\0\0"),
        (Patience(answer=0.05), framed(KeysRequest(id=1)) * 30_000),
    ],
)
async def test_who_is_slow_is_hung_up_on(tmp_path: Path, patience: Patience, sent: bytes) -> None:
    """In the middle of a frame, with nothing to ask, and with answers that it does not read."""
    settings = signer_settings(tmp_path / "signer", payees=[PAYEE.address])
    path = Path(settings.signer.socket)
    async with await make.store(Path(settings.store)) as store:
        clerk = await Clerk.begin(store, settings)
        with listening_socket(path, group=None, config=path) as at:
            door = Door(clerk, users=[os.getuid()], patience=patience)
            serving = asyncio.create_task(door.serve(at))
            reader, writer = await asyncio.open_unix_connection(path, limit=64)
            writer.write(sent)
            while not writer.transport.is_closing():
                await asyncio.sleep(0.01)
                if not sent or len(sent) < 100:
                    with pytest.raises((asyncio.IncompleteReadError, ConnectionError)):
                        await reader.readexactly(1)
                    break
            writer.transport.abort()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


async def test_the_one_that_has_been_quiet_the_longest_makes_room(tmp_path: Path) -> None:
    """As many stand as may, whoever comes; who asked something lately stays."""
    settings = signer_settings(tmp_path / "signer", payees=[PAYEE.address])
    path = Path(settings.signer.socket)
    ask = framed(KeysRequest(id=1))
    async with await make.store(Path(settings.store)) as store:
        clerk = await Clerk.begin(store, settings)
        with listening_socket(path, group=None, config=path) as at:
            serving = asyncio.create_task(Door(clerk, users=[os.getuid()]).serve(at))
            came = [await asyncio.open_unix_connection(path) for _ in range(16)]
            for reader, writer in (*came, came[0]):
                writer.write(ask)
                await reader.readexactly(4)
            last, knocks = await asyncio.open_unix_connection(path)
            knocks.write(ask)
            assert await last.readexactly(4)
            # The second of them, for the first has asked again since.
            assert (await came[1][0].read()).startswith(b'{"kind"')
            assert came[1][0].at_eof()
            came[0][1].write(ask)
            assert await came[0][0].read(1)
            assert not came[2][0].at_eof()
            for _, writer in (*came, (last, knocks)):
                writer.transport.abort()
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.parametrize(
    ("table", "why"),
    [
        ({"payees": []}, "names no account"),
        ({"users": []}, "users"),
        ({"users": ["root", True]}, "users"),
        ({"payers": [PAYEE.address], "allow_closes": True}, "is in `signer.payees` and in"),
        ({"payees": [], "payers": [PAYEE.address]}, "allow_closes = true"),
        ({"payees": [PAYEE.address] * 2}, "the same account twice"),
        ({"fee_cap_drops": 9}, "below the base fee"),
        ({"daily_cap_drops": 10}, "must not be below"),
        ({"socket": "x" * 120}, "longer than"),
        ({"most_tickets": 251}, "most_tickets"),
        ({"sign_everything": True}, "sign_everything"),
    ],
)
def test_settings_that_are_unsafe_are_refused_with_a_sentence(
    tmp_path: Path, table: dict[str, Any], why: str
) -> None:
    """Before anything is opened."""
    with pytest.raises(ConfigError, match=why):
        signer_settings(tmp_path / "signer", **{"payees": [PAYEE.address], **table})


async def test_who_is_served_when_the_door_closes_is_answered_and_not_waited_for_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A daemon holds its line for ever: the signer would never stop."""
    settings = signer_settings(tmp_path / "signer", payees=[PAYEE.address])
    path = Path(settings.signer.socket)
    is_asked, may_answer = asyncio.Event(), asyncio.Event()
    async with await make.store(Path(settings.store)) as store:
        clerk = await Clerk.begin(store, settings)

        async def keys() -> tuple[HeldKey, ...]:
            is_asked.set()
            await may_answer.wait()
            return ()

        monkeypatch.setattr(clerk, "keys", keys)
        with listening_socket(path, group=None, config=path) as at:
            serving = asyncio.create_task(Door(clerk, users=[os.getuid()]).serve(at))
            reader, writer = await asyncio.open_unix_connection(path)
            writer.write(framed(KeysRequest(id=1)))
            await is_asked.wait()
            serving.cancel()
            await asyncio.sleep(0)
            may_answer.set()
            async with asyncio.timeout(30):
                await asyncio.wait({serving})
            assert length_of(await reader.readexactly(HEAD_BYTES)) > 0
            writer.close()
