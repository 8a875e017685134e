"""Reactions at small scale: the real daemon, and what the stopwatch takes for which."""

from __future__ import annotations

from itertools import pairwise

from bench.exit_world import ExitWorld, Plan
from bench.reaction import measure, measure_idle, post
from bench.report import Report
from bench.scale import Scale
from bench.wire import Wire
from watchtower.units import ChannelId

CHANNEL = ChannelId("AB" * 32)
CLOSING = f'{{"type":"transaction","transaction":{{"Channel":"{CHANNEL}"}}}}'
OF_ANOTHER = CLOSING.replace(CHANNEL, "CD" * 32)
SUBMIT = f'{{"command":"submit","tx_blob":"12000F{CHANNEL}"}}'


def values(report: Report) -> dict[str, float]:
    """Return the numbers of a report by name."""
    return {reading.name: reading.value for reading in report.readings}


def wire() -> Wire:
    """Return a stopwatch on a server of a small world."""
    return Wire(ExitWorld(Plan(channels=1)).node)


async def test_daemon_answers_every_close_request_and_is_paid() -> None:
    """What is timed is a real reaction: it ends with drops on the payee's side, each by itself."""
    async with post(4) as station:
        seen = [await station.react(unit) for unit in station.world.units[:3]]

        assert station.world.unpaid() == 1
    assert [r.channel for r in seen] == [unit.channel for unit in station.world.units[:3]]
    assert all(r.seconds is not None and r.seconds > 0 for r in seen)
    assert all(a.left < b.arrived for a, b in pairwise(seen) if a.left and b.arrived)


def test_stopwatch_runs_from_the_transaction_to_its_own_submission() -> None:
    """Neither what comes about other channels nor what is asked meanwhile starts or stops it."""
    line = wire()
    reaction = line.expect(CHANNEL)
    for frame in (OF_ANOTHER, f'{{"id":3,"result":{{"channel":"{CHANNEL}"}}}}'):
        line.came(frame)
    line.went(SUBMIT)
    assert reaction.arrived is None
    assert reaction.left is None

    line.came(CLOSING)
    line.went('{"command":"fee"}')
    line.went(SUBMIT.replace(CHANNEL, "CD" * 32))
    assert reaction.seconds is None
    assert not line.answered.is_set()

    line.went(SUBMIT)
    assert line.answered.is_set()
    assert reaction.asked == 2
    assert reaction.seconds is not None


def test_a_second_server_that_tells_it_does_not_start_the_stopwatch_anew() -> None:
    """The first to tell of it is whom the tower reacts to."""
    line = wire()
    reaction = line.expect(CHANNEL)
    line.came(CLOSING)
    first = reaction.arrived
    line.came(CLOSING)

    assert reaction.arrived == first


def test_everything_that_is_promised_is_reported() -> None:
    """By the names of the document, and with as many reactions as were asked for."""
    scale = Scale(channels=3, rounds=1, reactions=3)
    found = values(measure(scale)) | values(measure_idle(scale))

    assert found["react.reactions"] == 3
    assert 0 < found["react.p50_ms"] <= found["react.p99_ms"]
    assert found["react.asked_before"] > 0
    assert {"close.idle_us", "close.idle_many_over_few"} <= found.keys()
