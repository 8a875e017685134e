"""The real daemon as systemd runs it: a process of its own, told through its socket and signals."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from pathlib import Path

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


async def test_a_daemon_says_ready_lives_stops_and_ends_well(tmp_path: Path) -> None:
    """Ready with a status, signs of life, and on SIGTERM a word before it ends with 0."""
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    (credentials / "passphrase").write_text("correct horse\n", encoding="utf-8")
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("WATCHTOWER_")}
    environment = {**inherited, "CREDENTIALS_DIRECTORY": str(credentials)}
    loop = asyncio.get_running_loop()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listening:
        listening.bind(str(tmp_path / "notify"))
        listening.settimeout(0)
        async with Sandbox(clock=Clock.FAST) as box:
            init = ("init", "--account", PAYEE, "--server", box.url)
            made = await watchtower(*init, environment=environment, directory=tmp_path)
            await asyncio.wait_for(made.communicate(), 60)
            assert made.returncode == 0

            environment |= {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "200000"}
            daemon = await watchtower("run", environment=environment, directory=tmp_path)
            heard = [await asyncio.wait_for(loop.sock_recv(listening, 4096), 60) for _ in range(3)]
            daemon.send_signal(signal.SIGTERM)
            await asyncio.wait_for(daemon.communicate(), 60)
            while b"STOPPING=1" not in heard:
                heard.append(await asyncio.wait_for(loop.sock_recv(listening, 4096), 60))

    ready = [message for message in heard if message.startswith(b"READY=1\nSTATUS=guarding 1 ")]
    assert len(ready) == 1
    assert b"WATCHDOG=1" in heard
    assert daemon.returncode == 0
