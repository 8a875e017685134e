"""Operators find every alarm, with its severity; and every alarm is raised by somebody."""

from __future__ import annotations

import re
from pathlib import Path

from tests.alerts.test_catalogue import NAMES, example

ROOT = Path(__file__).parents[2]


def test_every_alarm_is_documented_with_its_severity() -> None:
    """The table is the catalogue, in the same order."""
    text = (ROOT / "docs" / "operating.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \|", text, re.MULTILINE)

    assert rows == [(name, example(name).severity.value) for name in NAMES]


def test_every_alarm_is_raised_somewhere() -> None:
    """An alarm that nobody raises is a promise that nobody keeps."""
    house = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "watchtower").rglob("*.py")
    )
    raised = set(re.findall(r"\b(?:catalogue|of_\w+)\.(\w+)\(", house))

    assert set(NAMES) - raised == set()
