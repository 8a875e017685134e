"""What the sandbox can be told is in its document, and nothing that is not there."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from watchtower.cli.sandbox import sandbox
from watchtower.sandbox.api.misbehave import ACTS
from watchtower.sandbox.clock import Clock, Pace
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.line import connect
from watchtower.sandbox.misbehaviour import MEMBERS
from watchtower.sandbox.network import Network
from watchtower.sandbox.node import Node
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, KNOWN_AMENDMENTS, Rules

_TEXT = (Path(__file__).parents[2] / "docs" / "sandbox.md").read_text(encoding="utf-8")


def _rows(heading: str) -> dict[str, str]:
    """Return a section's table: the second column by what is in backticks in the first."""
    section = re.split(r"^#+ ", _TEXT.split(f"# {heading}\n")[1], flags=re.MULTILINE)[0]
    return dict(re.findall(r"^\| `([^`]+)` \| ([^|]+) \|", section, re.MULTILINE))


def test_every_option_is_in_the_table_and_no_other() -> None:
    """As the command has them."""
    options = {p.opts[0] for p in sandbox.params if isinstance(p, click.Option)}

    assert set(_rows("Options")) == options - {"--help"}


def test_every_misbehaviour_is_in_the_tables_and_no_other() -> None:
    """As the server knows them."""
    lasting = _rows("What a server does wrong until it is told otherwise")
    others = {*_rows("What happens once"), *_rows("What others do")}

    assert lasting.keys() == MEMBERS
    assert others == ACTS - {"server", "behave"}


@pytest.mark.parametrize(
    "shown", sorted(set(re.findall(r'\{"command": "misbehave"[^`\n]*', _TEXT)))
)
async def test_every_request_that_is_shown_is_understood(shown: str) -> None:
    """Told to a server by another one, since not every server can answer once it misbehaves."""
    network = Network(Rules(), Pace.of(Clock.FROZEN), QueueSettings())
    bad = Node(network)
    told: list[dict[str, Any]] = []
    line = connect(bad.add_server(), lambda text: told.append(msgspec.json.decode(text)))
    for _ in range(6):
        network.accept()

    asked = msgspec.json.decode(shown)
    line.send(msgspec.json.encode({**asked, "server": 0}))
    bad.misbehave(behave=True)

    (answer,) = told
    assert answer["status"] == "success"
    assert {name: answer["result"][name] for name in asked.keys() & MEMBERS} == {
        name: asked[name] for name in asked.keys() & MEMBERS
    }


def test_every_setting_of_the_queue_is_there_with_its_default() -> None:
    """The numbers are those of the code."""
    defaults = {f.name: str(f.default).replace("None", "none") for f in fields(QueueSettings)}

    assert _rows("Settings of the queue") == defaults


def test_every_amendment_that_can_be_enabled_is_there() -> None:
    """And none that is always on."""
    assert set(_rows("Amendments")) == KNOWN_AMENDMENTS - DEFAULT_AMENDMENTS
