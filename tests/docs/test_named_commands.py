"""Every command that a document names is one, with those very options; and so of the scripts."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
import pytest

from tests.docs.test_documents import ROOT, relative_name
from watchtower.cli import root

DOCUMENTS = sorted(
    chain(
        (path for path in ROOT.glob("*.md") if path.name != "CHANGELOG.md"),
        (ROOT / "docs").glob("*.md"),
    )
)
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_TYPED = {"console", "sh", "ini"}
"""The languages of blocks in which commands stand, not what they say in a language of its own."""

_CALL = re.compile(
    r"(?:^|(?<!--groups)(?<!-o)[\s`(/])"
    r"(?:watchtower|^tower|(?<=^[#$] )tower) "
    r"(?!\w+ v1$|asks |tells )([a-z][^`|;)\"]*)"
)
"""A call. What is signed begins with words like ``watchtower receipt v1``, which are none.
Where a page has named it, `tower` is the command as the tower's own user types it."""

_SCRIPT = re.compile(r"\bscripts/(install|uninstall)\b([^`\n]*)")


def typed_in(text: str) -> Iterator[str]:
    """Yield what stands in a document to be typed: lines of blocks, and what is in backticks."""
    for language, block in _FENCE.findall(text):
        lines = block.replace("\\\n", " ").splitlines() if language in _TYPED else ()
        # What a command says stands below it, and begins with no prompt.
        yield from (line for line in lines if language != "console" or line[:2] in {"$ ", "# "})
    yield from re.findall(r"`([^`\n]+)`", _FENCE.sub("", text))


def calls(text: str) -> Iterator[list[str]]:
    """Yield the words of every call of the command, from the first that can be a subcommand."""
    for typed in typed_in(text):
        for call in _CALL.findall(typed):
            yield re.split(r"\s[#>&]|\s2>", call)[0].split()


def what_is_wrong(words: list[str]) -> str:
    """Return what no reader could type of a call; nothing if there is nothing."""
    command: click.Command = root
    rest = list(words)
    while rest and isinstance(command, click.Group) and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    takes = [command]
    if isinstance(command, click.Group):
        # Some groups do one of their commands where none is named; those read words their own way.
        reads_as_any = type(command).parse_args is click.Group.parse_args
        if reads_as_any and rest and not rest[0].startswith("-"):
            return f"{rest[0]} is no command"
        takes += command.commands.values()
    known = {name for one in takes for parameter in one.params for name in parameter.opts}
    asked = {word.partition("=")[0] for word in rest if word.startswith("--")}
    return " ".join(sorted(asked - known - {"--help"}))


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative_name)
def test_every_command_that_is_named_can_be_typed(document: Path) -> None:
    """At three in the morning nobody looks for a command that was never written."""
    named = list(calls(document.read_text(encoding="utf-8")))

    assert [(words, why) for words in named if (why := what_is_wrong(words))] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative_name)
def test_every_option_of_the_scripts_that_install_is_one(document: Path) -> None:
    """As their first lines list them."""
    for name, rest in _SCRIPT.findall(document.read_text(encoding="utf-8")):
        script = (ROOT / "scripts" / name).read_text(encoding="utf-8")
        for option in re.findall(r"(?<=\s)--[a-z-]+", rest):
            assert re.search(rf"^#.* {option}\b", script, re.MULTILINE), (name, option)


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative_name)
def test_every_extra_that_is_installed_by_name_is_one(document: Path) -> None:
    """With pip, by the project's name, or by what `requirements/` pins."""
    text = document.read_text(encoding="utf-8")
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for name, extras in re.findall(r"pip install '([\w-]+)\[([\w,]+)\]'", text):
        assert name == project["name"]
        assert set(extras.split(",")) <= project["optional-dependencies"].keys()
    for pinned in re.findall(r"-r (requirements/[\w.]+)", text):
        assert (ROOT / pinned).is_file(), pinned


def test_a_command_that_is_none_would_be_found() -> None:
    """In a block and in a sentence, by its words and by its options."""
    block = "# sudo x/bin/watchtower run --twice > log\n$ watchtower x\nwatchtower says\n"
    text = f"`watchtower store mend`\n```console\n{block}```\n"
    assert [what_is_wrong(words) for words in calls(text)] == [
        "--twice",
        "x is no command",
        "mend is no command",
    ]
