"""Operators find every alarm, with its severity; and every alarm is raised by somebody."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.alerts.test_catalogue import NAMES, example
from watchtower.alerts.rules import Notice, NoticeKind
from watchtower.settings import AlertSettings

ROOT = Path(__file__).parents[2]


def sections() -> dict[str, str]:
    """Return the text of each alarm's section, in their order."""
    text = (ROOT / "docs" / "alerts.md").read_text(encoding="utf-8")
    found = re.findall(r"^## (\w+)\n\n(\*.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    return dict(found)


def test_every_alarm_has_a_section_with_its_severity() -> None:
    """In the order of the catalogue; and it says what to do, for whoever is woken by it."""
    rows = [(name, text.strip("*").split()[0].rstrip("*")) for name, text in sections().items()]

    assert rows == [(name, example(name).severity.value) for name in NAMES]
    for name, text in sections().items():
        assert "**You:**" in text, name


@pytest.mark.parametrize("name", NAMES)
def test_the_guide_of_a_notice_leads_to_its_section(name: str) -> None:
    """The address in a mail is the heading's own, at the place that the settings name."""
    notice = Notice(kind=NoticeKind.RAISED, alarm=example(name))
    path, _, anchor = str(notice.report()["guide"]).partition("#")

    assert (ROOT / path).is_file()
    assert AlertSettings().guide_url == path
    assert anchor in sections()


def test_every_command_that_the_guide_names_is_there() -> None:
    """At three in the morning nobody looks for a command that was never written."""
    commands = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    known = set(re.findall(r"^### `watchtower ([a-z ]+)`", commands, re.MULTILINE))
    named = set()
    for text in sections().values():
        for words in re.findall(r"`watchtower ((?:[a-z]+ ?)+)", text):
            named.add(words.strip())

    assert len(named) > 10
    assert named - known == set()


def test_every_alarm_is_raised_somewhere() -> None:
    """An alarm that nobody raises is a promise that nobody keeps."""
    house = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "watchtower").rglob("*.py")
    )
    raised = set(re.findall(r"\b(?:catalogue|of_\w+)\.(\w+)\(", house))

    assert set(NAMES) - raised == set()
