"""One line for `systemctl status` says what somebody at three in the morning asks first."""

from __future__ import annotations

from typing import Any

import pytest

from watchtower.interfaces.status_line import status_line

QUIET: dict[str, Any] = {"ledger_index": 812, "at_stake": 30_000_000, "alarms": []}


def test_line_says_how_far_it_is_what_is_at_stake_and_until_when() -> None:
    """With what the daemon tells of it."""
    told = QUIET | {
        "gaps": 0,
        "deadlines": [{"slack_seconds": 5_400}, {"slack_seconds": 90_000}],
        "alarms": [{"severity": "urgent"}, {"severity": "warning"}],
    }
    line = status_line(told)
    assert line == ("ledger 812, 0 gaps, 30 XRP at stake, next deadline in 90 min, 1 urgent alarm")


def test_line_leaves_out_what_is_not_told() -> None:
    """Nothing is made up."""
    assert status_line(QUIET) == "ledger 812, 30 XRP at stake"
    assert status_line({"ledger_index": None}) == "no ledger was heard of yet"
    assert status_line(QUIET | {"shadow": True}).endswith("sends nothing (shadow)")


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0 s, it is over"), (119, "119 s"), (120, "2 min"), (7_199, "119 min"), (7_200, "2 h")],
)
def test_time_that_is_left_is_told_as_coarsely_as_it_matters(seconds: int, said: str) -> None:
    """Seconds at the end, hours before."""
    assert status_line(QUIET | {"deadlines": [{"slack_seconds": seconds}]}).endswith(said)
