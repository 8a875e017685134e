"""docs/benchmarks.md names what can be measured, and nothing else."""

from __future__ import annotations

import re
from pathlib import Path

from bench.measurements import MEASUREMENTS

DOCUMENT = Path(__file__).parents[2] / "docs" / "benchmarks.md"


def test_every_measurement_is_in_the_table() -> None:
    """A new one is explained, and one that is gone is not."""
    text = DOCUMENT.read_text(encoding="utf-8")
    table = text.partition("## What is measured")[2].partition("## ")[0]
    named = re.findall(r"^\| (`[^|]+`) \|", table, re.MULTILINE)

    assert {name for cell in named for name in re.findall(r"`([\w.]+)`", cell)} == set(MEASUREMENTS)
