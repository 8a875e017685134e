"""The demo as a newcomer runs it: the real command, and what its last line says."""

from __future__ import annotations

import asyncio
import os
import re
import sys

import msgspec


async def test_demo_loses_nothing_that_could_be_protected_and_proves_it() -> None:
    """Exit code 0, the sums agree, and the one loss is the one that was announced."""
    environment = {k: v for k, v in os.environ.items() if not k.startswith("WATCHTOWER_")}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "watchtower", "demo"),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env=environment,
    )
    out, err = await asyncio.wait_for(process.communicate(), 180)
    told = out.decode()
    report = msgspec.json.decode(told.splitlines()[-1])
    assert process.returncode == 0, err.decode()
    assert report["at_stake_drops"] == report["redeemed_drops"] + report["lost_drops"]
    assert report["lost_drops"] == 0
    assert report["at_stake_drops"] > 0
    assert report["unprotectable"] == 1
    assert report["unprotectable_lost_drops"] > 0
    assert report["proven_by_balances"] is True
    for sentence in ("kill -9", "stale claim", "through Fund", "advises not to serve Cleo"):
        assert sentence in told
    assert "Traceback" not in told
    assert re.search(r"tower +:", told) is None, "a deed of the tower's without what it is about"
