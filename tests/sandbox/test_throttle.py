"""Who asks too much is warned, and then dropped; who waits is forgiven."""

from __future__ import annotations

import asyncio
import json
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed

from watchtower.sandbox.server import Sandbox
from watchtower.sandbox.throttle import Charges

_RECORDING = Path(__file__).parents[1] / "data" / "recordings" / "public_server_pushes_back.jsonl"
_PATIENCE = 60.0


def _recorded() -> list[dict[str, Any]]:
    return [json.loads(line) for line in _RECORDING.read_text(encoding="utf-8").splitlines()]


def test_the_first_warning_comes_with_the_request_that_it_was_recorded_with() -> None:
    """Four hundred of medium burden in one second."""
    charges = Charges()

    first = next(n for n in count(1) if charges.charge("account_channels", 100.0))

    assert first == _recorded()[0]["msg"]["request"]


def test_a_warning_comes_once_a_second() -> None:
    """And what is cheap is warned of much later."""
    charges = Charges()
    warnings = [charges.charge("submit", 100.5) for _ in range(500)]

    assert sum(warnings) == 1
    assert charges.charge("submit", 101.0)
    assert not any(Charges().charge("ledger_entry", 0.0) for _ in range(3000))


def test_who_waits_is_forgiven() -> None:
    """A burden decays by itself."""
    charges = Charges()
    while not charges.is_over(100.0):
        charges.charge("submit", 100.0)

    assert not charges.is_over(105.0)
    assert not charges.charge("submit", 300.0)


@pytest.mark.parametrize("throttle", [True, False])
async def test_who_goes_on_is_dropped_where_that_was_asked_for(*, throttle: bool) -> None:
    """As recorded: a warning in an answer, then 1008; and neither without the option."""
    _, warned, closed = (line["msg"] for line in _recorded())
    request = {"command": "account_channels", "account": "rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh"}
    text = json.dumps({**request, "api_version": 2})
    warnings, end = [], None
    async with (
        asyncio.timeout(_PATIENCE),
        Sandbox(throttle=throttle) as box,
        connect(box.url, proxy=None) as client,
    ):
        try:
            for _ in range(2500):
                await client.send(text)
                told = json.loads(await client.recv())
                warnings += [told["warning"]] if "warning" in told else []
        except ConnectionClosed as gone:
            end = gone.rcvd

    if throttle:
        assert set(warnings) == {warned["warning"]}
        assert end is not None
        assert (end.code, end.reason) == (closed["code"], closed["reason"])
    else:
        assert (warnings, end) == ([], None)
