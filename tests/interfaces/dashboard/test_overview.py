"""What the overview makes of a report: what is on an axis, and what is left out."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.interfaces.dashboard.test_pages import report
from watchtower.interfaces.dashboard.overview import (
    WIDTH,
    alerts_about,
    overview,
    timeline,
    without_secrets,
)


def due(slack: int, window: int = 3_600) -> dict[str, Any]:
    """A deadline."""
    return {
        "channel": "AB" * 32,
        "deadline": slack,
        "slack_seconds": slack,
        "window_seconds": window,
        "at_stake": 1,
    }


@given(slacks=st.lists(st.integers(-(10**6), 10**9), min_size=1, max_size=10))
def test_bars_of_one_axis_have_one_measure(slacks: list[int]) -> None:
    """Who ends later has no shorter bar, and every bar is on the picture."""
    found = timeline([due(slack) for slack in sorted(slacks)], 0)
    assert found is not None
    bars = [row["x"] for row in found["rows"]]
    assert bars == sorted(bars)
    assert all(0 < x <= WIDTH for x in bars)
    for slack, x in zip(sorted(slacks), bars, strict=True):
        if WIDTH * slack // found["span"] >= 6 and slack <= found["span"]:
            assert x == WIDTH * slack // found["span"]
    assert found["ticks"][0] == 0
    assert found["ticks"][-1] == found["span"]


@pytest.mark.parametrize(
    ("slack", "mood"), [(3_600, "well"), (1_800, "trouble"), (900, "danger"), (-1, "danger")]
)
def test_a_bar_is_as_grave_as_what_is_left_of_its_window(slack: int, mood: str) -> None:
    """The same halves and quarters by which `watchtower status` colours its bars."""
    found = timeline([due(slack)], 0)
    assert found is not None
    assert found["rows"][0]["mood"] == mood


def test_without_deadlines_there_is_no_timeline() -> None:
    """Nor before the first ledger."""
    assert timeline([], 5) is None
    assert timeline([due(1)], None) is None


@pytest.mark.parametrize(
    ("told", "shown"),
    [
        ("wss://one.example/v1/KEY", "wss://one.example"),
        ("wss://one.example:51233/?key=KEY", "wss://one.example:51233"),
        ("WSS://user:KEY@one.example", "WSS://one.example"),
        ("wss://one.example?KEY", "wss://one.example"),
        ("wss://one.example#KEY", "wss://one.example"),
        ("from wss://one.example/KEY, and then", "from wss://one.example and then"),
        ("https://a:b@[::1]:8/KEY", "https://[::1]:8"),
        ("nothing of that kind", "nothing of that kind"),
    ],
)
def test_an_address_ends_with_its_host(told: str, shown: str) -> None:
    """The rest may be what is paid for; wherever in a report it stands."""
    assert without_secrets({"a": [told, {"b": told}]}) == {"a": [shown, {"b": shown}]}


def test_a_server_is_known_whatever_its_address_has() -> None:
    """An address with a space in it, which nothing else would know the end of."""
    address = "wss://one.example/a b?key=KEY"
    shown = without_secrets({"why": f"{address} is silent"}, [address])
    assert shown == {"why": "wss://one.example is silent"}


def test_alarms_about_a_channel_are_found_however_many_stand_about_others() -> None:
    """With their section of the guide, and with no more of an address than its host."""
    alarms = [
        {"name": "n", "subject": str(n), "severity": "info", "sentence": "by wss://one.example/KEY"}
        for n in range(1_000)
    ]
    (found,) = alerts_about({"alarms": alarms}, "999", guide="https://docs.example/alerts.html")
    assert found["address"] == "https://docs.example/alerts.html#n"
    assert found["sentence"] == "by wss://one.example"
    assert alerts_about({"alarms": alarms}, "AB" * 32, guide="docs/alerts.md") == []


def test_a_server_whose_address_begins_like_another_is_told_without_its_key() -> None:
    """The longer one is looked for first: of what the shorter leaves nobody knows the end."""
    servers = ["wss://one.example/a", "wss://one.example/a b?key=KEY"]
    shown = without_secrets({"why": f"{servers[1]} is silent"}, servers)
    assert shown == {"why": "wss://one.example is silent"}


def work_with(servers: int) -> int:
    """How many calls it takes to show a tower with so many servers, each with something to say."""
    one = {"connected": True, "validated": 90, "amendment_blocked": False, "rank": 0}
    each = [
        {**one, "server": f"wss://s{n}.example/KEY", "why": f"wss://s{n}.example/KEY is slow"}
        for n in range(servers)
    ]
    told, calls = report(servers=each), 0

    def count(_frame: object, _event: str, _given: object) -> None:
        nonlocal calls
        calls += 1

    sys.setprofile(count)
    try:
        overview(told, guide="docs/alerts.md")
    finally:
        sys.setprofile(None)
    return calls


def test_twice_as_many_servers_take_twice_the_work() -> None:
    """It is done on the loop on which everything is redeemed, every second while somebody looks."""
    assert work_with(100) < 3 * work_with(50)
