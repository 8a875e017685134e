"""The manners between us and one server."""

from __future__ import annotations

import asyncio

import pytest

from watchtower.errors import AnswerError, LedgerError, RequestRefusedError, RequestTimeoutError
from watchtower.ledger.conduct import Conduct, fault_told_by
from watchtower.ledger.health import (
    HealthEvent,
    MessageRejected,
    ServerAhead,
    ServerLagging,
    ServersDisagreed,
    ServerSilent,
)
from watchtower.ledger.reputation import Fault
from watchtower.units import LedgerIndex

ONE, TWO = "wss://one", "wss://two"


async def _fill(conduct: Conduct) -> None:
    """Ask until there is no room left."""
    while not conduct.is_paced:
        await conduct.turn("account_objects")


async def test_full_server_is_waited_for_and_a_submission_goes_before() -> None:
    """What answers a close request waits for nobody, even behind a crowd."""
    conduct = Conduct(ONE, exempt=False)
    await _fill(conduct)
    crowd = [asyncio.create_task(conduct.turn("ledger_entry")) for _ in range(5)]
    try:
        await asyncio.wait_for(conduct.turn("submit"), 20)
        assert not all(reading.done() for reading in crowd)
    finally:
        for reading in crowd:
            reading.cancel()


async def test_request_that_had_to_wait_is_sent_in_the_end() -> None:
    """The room comes back by itself."""
    conduct = Conduct(ONE, exempt=False)
    await _fill(conduct)
    await asyncio.wait_for(conduct.turn("ledger_entry"), 20)


@pytest.mark.parametrize(
    ("failure", "why"),
    [
        (RequestTimeoutError(server=ONE, command="fee", seconds=1), Fault.TIMED_OUT),
        (AnswerError(server=ONE, command="fee", why="odd"), Fault.ANSWERED_ODDLY),
        (
            RequestRefusedError(server=ONE, command="fee", error="tooBusy", message="", answer={}),
            Fault.TOO_BUSY,
        ),
    ],
)
async def test_failed_request_costs_rank_with_its_reason(failure: LedgerError, why: Fault) -> None:
    """An operator sees which server is slow, and what is the matter with it."""
    conduct = Conduct(ONE, exempt=True)
    conduct.failed(failure)
    assert (conduct.rank > 0, conduct.fault) == (True, why.value)


async def test_honest_refusal_costs_no_rank() -> None:
    """That a channel is not there is an answer."""
    conduct = Conduct(ONE, exempt=True)
    conduct.failed(
        RequestRefusedError(
            server=ONE, command="ledger_entry", error="entryNotFound", message="", answer={}
        )
    )
    assert conduct.rank == 0


@pytest.mark.parametrize(
    ("event", "of_one"),
    [
        (
            ServersDisagreed(
                ledger_index=LedgerIndex(7), hashes={ONE: "A", TWO: "B"}, suspects=(ONE,)
            ),
            Fault.DISAGREED,
        ),
        (
            ServerLagging(server=ONE, ledger_index=LedgerIndex(1), best=LedgerIndex(20)),
            Fault.LAGGED,
        ),
        (
            ServerAhead(server=ONE, ledger_index=LedgerIndex(90), best=LedgerIndex(20)),
            Fault.RAN_AHEAD,
        ),
        (MessageRejected(server=ONE, why="odd"), Fault.TOLD_ODDLY),
        (ServerSilent(server=ONE, seconds=20, ledger_index=None), None),
    ],
)
def test_event_speaks_against_its_own_server_alone(
    event: HealthEvent, of_one: Fault | None
) -> None:
    """Silence is counted where the connection is given up, and not twice."""
    assert fault_told_by(event, ONE) is of_one
    assert fault_told_by(event, TWO) is None


async def test_warning_of_load_is_heeded_by_asking_less() -> None:
    """Also where the server was taken to be ours, and exempt."""
    conduct = Conduct(ONE, exempt=True)
    for _ in range(1_000):
        await conduct.turn("account_objects")
    assert not conduct.is_paced
    conduct.answered({"warning": "load"})
    assert (conduct.is_paced, conduct.fault) == (True, Fault.LOADED.value)
