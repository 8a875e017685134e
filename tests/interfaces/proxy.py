"""A real nginx on a free port of this machine, run by the example configuration."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import signal
import socket
from asyncio.subprocess import Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.interfaces.certificates import Pair

__all__ = ["EXAMPLE", "Proxy", "proxy_to"]

EXAMPLE = Path(__file__).parents[2] / "config" / "nginx.conf"
_PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin"
_AROUND = """
{user}
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{}}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxied;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    include {folder}/watchtower.conf;
}}
"""


@dataclass
class Proxy:
    """Where it listens, and what it wrote down."""

    port: int
    folder: Path
    process: Process | None = None

    @property
    def log(self) -> str:
        """Everything that it logged."""
        logs = (self.folder / "error.log", self.folder / "access.log")
        return "".join(log.read_text(encoding="utf-8") for log in logs if log.exists())


def _program() -> str:
    found = shutil.which("nginx", path=_PATH)
    if found is None:
        pytest.fail("nginx is missing; install it: sudo apt-get install nginx-light")
    return found


def _configure(proxy: Proxy, door: Path, pair: Pair, changes: dict[str, str]) -> Path:
    """Write the example with places of this test; return the file that nginx begins with."""
    folder = proxy.folder
    folder.mkdir()
    text = EXAMPLE.read_text(encoding="utf-8")
    places = {
        r"\[::\]:443 ssl": f"[::1]:{proxy.port} ssl",
        r"listen 443 ssl": f"listen 127.0.0.1:{proxy.port} ssl",
        r"unix:/run/watchtower/door.sock;": f"unix:{door};",
        r"ssl_certificate /.*;": f'ssl_certificate "{pair.certificate}";',
        r"ssl_certificate_key /.*;": f'ssl_certificate_key "{pair.key}";',
        **changes,
    }
    for place, ours in places.items():
        text, found = re.subn(place, ours, text)
        assert found, place
    if not socket.has_ipv6:
        text = re.sub(r"listen \[::1\].*", "", text)
    (folder / "watchtower.conf").write_text(text, encoding="utf-8")
    # Its workers would give up what root may, and with it the test's own folder.
    user = "user root;" if os.geteuid() == 0 else ""
    begin = folder / "nginx.conf"
    begin.write_text(_AROUND.format(user=user, folder=folder), encoding="utf-8")
    return begin


@asynccontextmanager
async def proxy_to(
    door: Path, pair: Pair, folder: Path, changes: dict[str, str] | None = None
) -> AsyncIterator[Proxy]:
    """A proxy in front of a tower's socket; its configuration is tried by itself first.

    ``changes`` are patterns of the example, and what stands in their place.
    """
    with socket.create_server(("127.0.0.1", 0)) as found:
        proxy = Proxy(found.getsockname()[1], folder)
    begin = _configure(proxy, door, pair, changes or {})
    command = (_program(), "-p", str(folder), "-e", str(folder / "error.log"), "-c", str(begin))
    tried = await asyncio.create_subprocess_exec(*command, "-t", stderr=asyncio.subprocess.PIPE)
    _, said = await tried.communicate()
    assert tried.returncode == 0, said.decode()
    assert b"[warn]" not in said, said.decode()
    proxy.process = await asyncio.create_subprocess_exec(*command)
    try:
        await _until_open(proxy)
        yield proxy
    finally:
        proxy.process.send_signal(signal.SIGTERM)
        await proxy.process.wait()


async def _until_open(proxy: Proxy) -> None:
    for _ in range(400):
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", proxy.port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    pytest.fail(f"nginx never listened: {proxy.log}")
