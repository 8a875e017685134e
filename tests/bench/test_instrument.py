"""The instrument: in turn, with a changing order, and a profile that names the parts."""

from __future__ import annotations

import hashlib
import re

from bench.instrument import alternate, per_second, profile, ratios


def test_sides_are_measured_in_turn_and_in_changing_order() -> None:
    """What disturbs the machine for a while falls on both."""
    order: list[str] = []

    def side(name: str, value: float) -> float:
        order.append(name)
        return value

    found = alternate(3, {"a": lambda: side("a", 1.0), "b": lambda: side("b", 2.0)})

    assert order == ["a", "b", "b", "a", "a", "b"]
    assert found == {"a": [1.0, 1.0, 1.0], "b": [2.0, 2.0, 2.0]}


def test_a_ratio_is_taken_within_its_round() -> None:
    """So a round in which everything was slow counts like any other."""
    assert ratios([10.0, 1.0], [5.0, 0.5]) == [2.0, 2.0]


def test_a_rate_counts_what_was_done() -> None:
    """Work that says it did more is faster by as much."""
    found = per_second(1, {"hash": lambda: _hash(5000)})

    assert len(found["hash"]) == 1
    assert found["hash"][0] > 0


def test_a_profile_names_the_costliest_and_whose_it_is() -> None:
    """The function that does all the work stands first, with its share."""
    lines, where = profile(lambda: _hash(20_000))

    assert any("openssl_sha512" in line for line in lines)
    assert re.match(r" *\d+%  ", lines[0])
    assert where.startswith("Of the time, ")
    assert "tests.bench.test_instrument" in where


def _hash(times: int) -> int:
    for _ in range(times):
        hashlib.sha512(b"x" * 100)
    return times
