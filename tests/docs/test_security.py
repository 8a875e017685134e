"""What the document says of rights is what the code says, and each guarantee is held by a test."""

from __future__ import annotations

import re
from pathlib import Path

from watchtower.keys.authority import WORTH, Right

TEXT = (Path(__file__).parents[2] / "docs" / "security.md").read_text(encoding="utf-8")
SECTION = re.split(r"^## ", TEXT.partition("## By what right it signs\n")[2], flags=re.MULTILINE)[0]


def rows() -> list[list[str]]:
    """The cells of every row of the section's tables."""
    lines = [line for line in SECTION.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split(" | ")] for line in lines]


def test_the_table_says_of_each_right_what_the_command_says() -> None:
    """In the order in which they are preferred; neither of the two can be mended alone."""
    found = [row for row in rows() if row[0].isdigit()]

    assert found == [
        [str(number), right.words, *WORTH[right]] for number, right in enumerate(Right, start=1)
    ]


def test_every_guarantee_is_numbered_and_names_the_tests_that_hold_it() -> None:
    """That these exist is looked at for every document."""
    guarantees = [row for row in rows() if row[0].startswith("G")]

    assert [row[0] for row in guarantees] == [f"G{n}" for n in range(1, len(guarantees) + 1)]
    assert all(re.fullmatch(r"(`test_\w+`(, )?)+", row[2]) for row in guarantees)
