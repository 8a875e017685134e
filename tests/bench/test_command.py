"""``python -m bench``: names choose, the last line is JSON, and an unknown name is one sentence."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from click.testing import CliRunner

from bench.__main__ import main
from bench.measurements import MEASUREMENTS, chosen


def test_the_last_line_is_json() -> None:
    """For people a table, for programs what follows it."""
    told = subprocess.run(
        [sys.executable, "-m", "bench", "encode", "--rounds", "2"],
        capture_output=True,
        text=True,
        check=True,
    )
    numbers = json.loads(told.stdout.splitlines()[-1])

    assert numbers["encode.sandbox_us"] > 0
    assert "encode.sandbox_over_xrpl_py" in numbers["spread"]
    assert "encode.xrpl_py_us" in told.stdout.partition("\n{")[0]


def test_worlds_are_compared_and_weighed() -> None:
    """All that is measured of channels, at a small scale, by the names that are documented."""
    names = [f"sandbox.{name}" for name in ("ledgers", "creates", "claims", "memory")]
    told = subprocess.run(
        [sys.executable, "-m", "bench", *names, "--channels", "40", "--rounds", "2"],
        capture_output=True,
        text=True,
        check=True,
    )
    numbers = json.loads(told.stdout.splitlines()[-1])

    assert {
        "sandbox.empty_ledgers_per_s",
        "sandbox.ledgers_per_s_with_40_channels",
        "sandbox.channel_creates_per_s",
        "sandbox.claims_per_s",
        "sandbox.bytes_per_channel",
    } <= numbers.keys()


@pytest.mark.parametrize(
    ("names", "found"),
    [
        ([], list(MEASUREMENTS)),
        (["verify"], ["verify"]),
        (["sandbox"], [name for name in MEASUREMENTS if name.startswith("sandbox.")]),
        (["verify", "encode"], ["encode", "verify"]),
    ],
)
def test_a_name_chooses_all_below_it(names: list[str], found: list[str]) -> None:
    """In the order of the table, however they are asked for."""
    assert chosen(names) == found


def test_an_unknown_name_is_one_sentence() -> None:
    """With the names that there are."""
    result = CliRunner().invoke(main, ["sandboxes"])

    assert result.exit_code == 2
    assert "nothing is called 'sandboxes'. There are encode, verify" in result.output
