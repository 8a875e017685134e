"""What the sandbox can be told is in its document, and nothing that is not there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import click

from watchtower.cli.sandbox import sandbox
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, KNOWN_AMENDMENTS

_TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def _rows(heading: str) -> dict[str, str]:
    """Return a section's table: the second column by what is in backticks in the first."""
    section = re.split(r"^#+ ", _TEXT.split(f"# {heading}\n")[1], flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", section, re.MULTILINE))


def test_every_option_is_in_the_table_and_no_other() -> None:
    """As the command has them."""
    options = {p.opts[0] for p in sandbox.params if isinstance(p, click.Option)}

    assert set(_rows("Options")) == options - {"--help"}


def test_every_setting_of_the_queue_is_there_with_its_default() -> None:
    """The numbers are those of the code."""
    defaults = {f.name: str(f.default).replace("None", "none") for f in fields(QueueSettings)}

    assert _rows("Settings of the queue") == defaults


def test_every_amendment_that_can_be_enabled_is_there() -> None:
    """And none that is always on."""
    assert set(_rows("Amendments")) == KNOWN_AMENDMENTS - DEFAULT_AMENDMENTS
