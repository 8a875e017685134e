"""What is told: medians with quartiles, a table, and one line of JSON."""

from __future__ import annotations

import json

from bench.report import Reading, Report, as_json, as_text, reading


def test_what_was_measured_several_times_is_told_as_median_and_quartiles() -> None:
    """One slow round among many changes neither much."""
    told = reading("x_per_s", "1/s", [10.0, 12.0, 11.0, 900.0, 13.0])

    assert (told.value, told.low, told.high) == (12.0, 11.0, 13.0)


def test_what_was_measured_once_has_no_spread() -> None:
    """And says so by leaving it out."""
    once = reading("x_mib", "MiB", [5.0])

    assert once == Reading(name="x_mib", value=5.0, unit="MiB")
    assert json.loads(as_json([Report(readings=[once])])) == {"x_mib": 5.0, "spread": {}}


def test_the_json_has_each_number_by_its_name() -> None:
    """Programs find a number without knowing who measured it."""
    reports = [
        Report(readings=[reading("a.b", "ms", [1.0, 2.0, 3.0])]),
        Report(readings=[reading("c", "ratio", [123456.789])]),
    ]

    assert json.loads(as_json(reports)) == {
        "a.b": 2.0,
        "c": 123460.0,
        "spread": {"a.b": [1.5, 2.5]},
    }


def test_the_table_has_columns_and_says_where_the_time_goes() -> None:
    """Names to the left, numbers to the right, the profile below."""
    report = Report(
        readings=[reading("a", "1/s", [1000.0, 2000.0, 3000.0]), reading("long", "ms", [1.5])],
        profile=[" 70%  f"],
        where="Of the time, 70% in f.",
    )

    assert as_text(report) == (
        "a     2,000 1/s  (1,500 to 2,500)\nlong    1.5 ms\n   70%  f\n  Of the time, 70% in f."
    )
