"""The doctor's document has every check, in its words; and every command that mends is one."""

from __future__ import annotations

import re
from pathlib import Path

from click import Command, Group

from watchtower.cli import root
from watchtower.doctor.finding import CHECKS, GROUPS

ROOT = Path(__file__).parents[2]


def rows() -> list[tuple[str, str]]:
    """Return the checks of the document, each with what it looks at."""
    text = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    return re.findall(r"^\| `(\w+\.\w+)` \| ([^|]+) \| ", text, re.MULTILINE)


def test_every_check_is_documented_and_no_other() -> None:
    """In its order, and in its words."""
    assert rows() == list(CHECKS.items())


def test_every_check_is_made_somewhere() -> None:
    """One that nobody makes is a promise that nobody keeps."""
    house = "".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "watchtower" / "doctor").glob("*.py")
        if path.name != "finding.py"
    )

    assert [check for check in CHECKS if f'"{check}"' not in house] == []
    assert {check.partition(".")[0] for check in CHECKS} == {*GROUPS}


def test_every_command_that_mends_is_one_that_there_is() -> None:
    """By what the source says in front of its first option."""
    house = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "watchtower" / "doctor").glob("*.py")
    )
    told = set(re.findall(r'"watchtower ((?:[a-z-]+ ?)+)', house))
    for words in (line.split() for line in told):
        command: Command = root
        while words and isinstance(command, Group):
            assert words[0] in command.commands, words
            command = command.commands[words.pop(0)]
