"""Every command, argument and option is documented, and nothing that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click

from watchtower.cli import root

COMMANDS = Path(__file__).parents[2] / "docs" / "commands.md"


def leaves(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    """Yield every command that does something, with all the words that call it."""
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from leaves(inner, f"{name} {word}")
    else:
        yield name, command


def sections() -> dict[str, str]:
    """Return the document's sections by the command that each is about."""
    text = COMMANDS.read_text(encoding="utf-8")
    parts = re.split(r"^### `(.+)`$", text, flags=re.MULTILINE)
    return {
        name: re.split(r"^## ", body, flags=re.MULTILINE)[0]
        for name, body in zip(parts[1::2], parts[2::2], strict=True)
    }


def test_every_command_has_its_section() -> None:
    """The headings are the commands."""
    assert set(sections()) == {name for name, _ in leaves(root, "watchtower")}


def test_every_option_is_in_its_commands_table_and_no_other() -> None:
    """Except `--json` and `--help`, which every command has."""
    for name, command in leaves(root, "watchtower"):
        options = {
            parameter.opts[0] for parameter in command.params if isinstance(parameter, click.Option)
        }
        documented = set(re.findall(r"^\| `(--[a-z-]+)` \|", sections()[name], re.MULTILINE))

        assert "--json" in options, name
        assert documented == options - {"--json", "--help"}, name


def test_every_argument_is_named_in_its_section() -> None:
    """In capitals, as the usage line has it."""
    for name, command in leaves(root, "watchtower"):
        for parameter in command.params:
            if isinstance(parameter, click.Argument):
                metavar = parameter.metavar or str(parameter.name).upper()
                assert metavar in sections()[name], name


def test_every_command_shows_examples() -> None:
    """`--help` ends with lines that can be copied."""
    for name, command in leaves(root, "watchtower"):
        assert "Examples:" in (command.epilog or ""), name
        assert command.help, name
