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


def test_the_pace_of_the_recording_is_dropped_about_where_it_was() -> None:
    """Later than if no second had let the burden decay (1,930), sooner than if each had (2,157)."""
    closed = _recorded()[-1]
    pace = closed["at"] / closed["msg"]["request"]
    answered = []
    for start in range(1000, 1020):
        charges = Charges()
        asked = 0
        while not charges.is_over(now := start + asked * pace):
            charges.charge("account_channels", now)
            asked += 1
        answered.append(asked)

    assert 1930 < min(answered) <= max(answered) < 2157
    assert sum(answered) / len(answered) == pytest.approx(closed["msg"]["request"], rel=0.05)


@pytest.mark.parametrize(
    ("command", "error", "cost"),
    [
        ("ledger_entry", None, 20),
        ("channel_verify", None, 20),
        ("account_info", "actNotFound", 20),
        ("account_channels", None, 400),
        ("account_objects", None, 400),
        ("account_objects", "actNotFound", 20),
        ("account_tx", "lgrIdxsInvalid", 400),
        ("submit", "invalidTransaction", 400),
        ("submit_multisigned", None, 3000),
        ("submit_multisigned", "invalidParams", 3000),
        ("tx", "internal", 100),
        ("tec", "unknownCmd", 20),
    ],
)
def test_what_a_request_costs(command: str, error: str | None, cost: int) -> None:
    """A warning comes with the first request that lifts the balance to 5,000, a 32nd of the sum."""
    charges = Charges()

    first = next(n for n in count(1) if charges.charge(command, 0.0, error))

    assert first == -(-5_000 * 32 // cost)


def test_what_is_no_request_costs_and_is_never_warned() -> None:
    """Who sends nothing but noise is dropped without a word."""
    charges = Charges()

    warnings = [charges.charge(None, 0.0, "jsonInvalid") for _ in range(25_000 * 32 // 100 - 1)]
    assert not any(warnings)
    assert not charges.is_over(0.0)
    charges.charge(None, 0.0, "missingCommand")

    assert charges.is_over(0.0)


def test_an_administrators_request_is_free() -> None:
    """Whoever moves the ledger is not charged for it."""
    charges = Charges()
    for _ in range(100_000):
        assert not charges.charge("ledger_accept", 0.0)

    assert not charges.is_over(0.0)


def test_who_waits_is_forgiven() -> None:
    """A burden decays by itself, and after four times 32 seconds nothing is left of it."""
    charges = Charges()
    while not charges.is_over(100.0):
        charges.charge("submit", 100.0)

    assert not charges.is_over(110.0)
    assert next(n for n in count(1) if charges.charge("submit", 300.0)) == 400


def test_who_was_dropped_pays_for_that_too() -> None:
    """Each try to go on makes the wait longer."""
    patient, stubborn = Charges(), Charges()
    for charges in (patient, stubborn):
        while not charges.is_over(100.0):
            charges.charge("submit", 100.0)
    for _ in range(50):
        assert stubborn.is_over(100.0)

    assert not patient.is_over(110.0)
    assert stubborn.is_over(110.0)


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


async def test_all_connections_of_an_address_are_one() -> None:
    """Connecting anew is no way around it."""
    request = json.dumps({"command": "submit_multisigned"})
    reasons = []
    async with asyncio.timeout(_PATIENCE), Sandbox(throttle=True) as box:
        for _ in range(3):
            async with connect(box.url, proxy=None) as client:
                try:
                    for _ in range(1000):
                        await client.send(request)
                        await client.recv()
                except ConnectionClosed as gone:
                    reasons += [gone.rcvd.reason] if gone.rcvd else []

    assert reasons == ["threshold exceeded"] * 3
