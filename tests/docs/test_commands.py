"""Every command, argument and option is documented, and nothing that is not there."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
from click.testing import CliRunner

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


def test_help_lists_the_commands_under_the_headings_of_the_document() -> None:
    """In the same order, so that who knows one finds what they look for in the other."""
    text = COMMANDS.read_text(encoding="utf-8")
    parts = re.split(r"^## (.+)$", text, flags=re.MULTILINE)[1:]
    documented = {
        heading: set(re.findall(r"^### `watchtower (\w+)", body, re.MULTILINE))
        for heading, body in zip(parts[::2], parts[1::2], strict=True)
    }
    told = CliRunner().invoke(root, ["--help"]).output
    parts = re.split(r"^(\S.*):$", told, flags=re.MULTILINE)[1:]
    listed = {
        heading: set(re.findall(r"^  (\w+) ", body, re.MULTILINE))
        for heading, body in zip(parts[::2], parts[1::2], strict=True)
        if heading != "Options"
    }
    listed["At your shell"].remove("Begin")  # with what: the line behind the list
    assert list(listed.items()) == list(documented.items())


def test_no_list_of_commands_cuts_a_sentence_short() -> None:
    """Mostly it would be cut before what tells two commands apart."""
    for words, group in groups(root, ()):
        told = " ".join(CliRunner().invoke(root, [*words, "--help"]).output.split())
        for name, command in group.commands.items():
            sentence = " ".join(command.get_short_help_str(limit=1_000).split())
            assert not sentence.endswith("..."), name
            assert f" {name} {sentence}" in told, (words, name)


def groups(
    group: click.Group, words: tuple[str, ...]
) -> Iterator[tuple[tuple[str, ...], click.Group]]:
    """Yield every group of commands, with the words that call it."""
    yield words, group
    for name, inner in group.commands.items():
        if isinstance(inner, click.Group):
            yield from groups(inner, (*words, name))
