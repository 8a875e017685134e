"""The real daemon as systemd runs it: a process of its own, told through its socket and signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from watchtower.sandbox.server import Clock, Sandbox

PAYEE = "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"


async def watchtower(
    *words: str, environment: dict[str, str], directory: Path
) -> asyncio.subprocess.Process:
    """Start the real command."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "watchtower", *words),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
        cwd=directory,
    )


@dataclass
class Service:
    """The daemon as a service manager has it: what it says comes to ``listening``."""

    folder: Path
    environment: dict[str, str]
    listening: socket.socket

    async def run(self) -> asyncio.subprocess.Process:
        """Start it."""
        return await watchtower("run", environment=self.environment, directory=self.folder)

    async def says(self, beginning: bytes) -> bytes:
        """Return the next thing it says that begins so."""
        loop = asyncio.get_running_loop()
        async with asyncio.timeout(60):
            while True:
                heard = await loop.sock_recv(self.listening, 4096)
                if heard.startswith(beginning):
                    return heard


@pytest.fixture
async def service(tmp_path: Path) -> AsyncIterator[Service]:
    """A service that was set up and not started yet, on a ledger that goes on by itself."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "passphrase").write_text("correct horse\n", encoding="utf-8")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("WATCHTOWER_")}
    environment = {**inherited, "CREDENTIALS_DIRECTORY": str(credentials)}
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(0)
        async with Sandbox(clock=Clock.FAST) as box:
            init = ("init", "--account", PAYEE, "--server", box.url)
            made = await watchtower(*init, environment=environment, directory=tmp_path)
            await asyncio.wait_for(made.communicate(), 60)
            assert made.returncode == 0
            environment |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
            yield Service(tmp_path, environment, listening)


async def test_a_daemon_says_ready_lives_stops_and_ends_well(service: Service) -> None:
    """Ready with a status, signs of life, and on SIGTERM a word before it ends with 0."""
    daemon = await service.run()
    await service.says(b"READY=1\nSTATUS=guarding 1 ")
    await service.says(b"WATCHDOG=1")
    daemon.send_signal(signal.SIGTERM)
    await service.says(b"STOPPING=1")
    await asyncio.wait_for(daemon.communicate(), 60)
    assert daemon.returncode == 0


async def test_a_daemon_that_is_to_reload_says_when_it_did_and_whether(service: Service) -> None:
    """As `Type=notify-reload` wants it; killed in the middle, it starts by the file as it is."""
    daemon = await service.run()
    await service.says(b"READY=1\nSTATUS=guarding 1 ")
    begun = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1_000
    daemon.send_signal(signal.SIGHUP)
    told = await service.says(b"RELOADING=1\nMONOTONIC_USEC=")
    assert int(told.rpartition(b"=")[2]) >= begun
    assert b"not taken up" not in await service.says(b"READY=1\nSTATUS=")

    file = service.folder / "watchtower.toml"
    good = file.read_text(encoding="utf-8")
    file.write_text("nonsense = 1\n" + good, encoding="utf-8")
    daemon.send_signal(signal.SIGHUP)
    assert b"not taken up" in await service.says(b"READY=1\nSTATUS=")
    await service.says(b"WATCHDOG=1")

    file.write_text(good + '\n[log]\nlevel = "debug"\n', encoding="utf-8")
    daemon.send_signal(signal.SIGHUP)
    await service.says(b"RELOADING=1")
    daemon.kill()
    await asyncio.wait_for(daemon.communicate(), 60)
    again = await service.run()
    await service.says(b"READY=1\nSTATUS=guarding 1 ")
    again.send_signal(signal.SIGTERM)
    await asyncio.wait_for(again.communicate(), 60)
    assert again.returncode == 0
