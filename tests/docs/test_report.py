"""docs/report.md beside the report."""

from __future__ import annotations

import re
from pathlib import Path

from watchtower.cli.reckoning import COLUMNS, Heading

REPORT = Path(__file__).parent.parent.parent / "docs" / "report.md"


def test_every_column_is_documented_in_its_order() -> None:
    """Whoever keeps books by it depends on each."""
    _, _, rows = REPORT.read_text().partition("## The rows\n")
    told = re.findall(r"^\| `(\w+)`", rows, re.MULTILINE)
    assert told == [*Heading.__dataclass_fields__, *COLUMNS]
