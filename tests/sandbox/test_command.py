"""``watchtower sandbox``: one line when it is ready, and a clean end."""

from __future__ import annotations

import asyncio
import signal
import sys

import pytest

from watchtower.sandbox.people import Hand
from watchtower.sandbox.server import Sandbox

_PATIENCE = 60.0


@pytest.mark.parametrize("end", [signal.SIGTERM, signal.SIGINT])
async def test_it_says_one_line_serves_and_ends_cleanly(end: signal.Signals) -> None:
    """What scripts wait for, and nothing else on standard output."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from watchtower.cli import main; main()"),
        *("sandbox", "--port", "0", "--clock", "frozen"),
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    async with asyncio.timeout(_PATIENCE):
        ready = (await process.stdout.readline()).decode()
        assert ready.startswith("sandbox ready ws://127.0.0.1:")
        async with Hand(ready.removeprefix("sandbox ready ").strip()) as hand:
            assert await hand.request("ledger_current") == {"ledger_current_index": 3}
        process.send_signal(end)
        rest, _ = await process.communicate()

    assert (process.returncode, rest) == (0, b"")


async def test_a_port_in_use_is_one_sentence(sandbox: Sandbox) -> None:
    """And no traceback."""
    port = sandbox.url.rpartition(":")[2]
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-c", "from watchtower.cli import main; main()"),
        *("sandbox", "--port", port),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(_PATIENCE):
        told, complaint = await process.communicate()

    assert (process.returncode, told) == (2, b"")
    assert f"cannot listen on {port}: Address already in use" in complaint.decode()
