"""A page for each command, made of what ``--help`` knows of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from inspect import cleandoc

import click

from manual.roff import code, filled, heading, inline, item, verbatim

__all__ = ["Page", "pages"]


class Page:
    """A command with the words that call it.

    Attributes:
        command: the command.
        words: what is written to call it.
        context: what click asks a command's help by.
    """

    def __init__(self, command: click.Command, words: tuple[str, ...]) -> None:
        self.command = command
        self.words = words
        self.context = click.Context(
            command, info_name=" ".join(words), help_option_names=["-h", "--help"]
        )

    @property
    def name(self) -> str:
        """What the page is called, as ``man`` has it."""
        return "-".join(self.words)

    def lines(self) -> Iterator[str]:
        """Yield the page below its title."""
        first, *more = _paragraphs(self.command.help or "")
        summary = " ".join(first.split()).rstrip(".")
        yield heading("name")
        yield from filled(f"{code(self.name)} \\- {inline(summary)}")
        yield heading("synopsis")
        yield from filled(self._synopsis())
        yield heading("description")
        yield from filled(inline(f"{summary}."))
        for paragraph in more:
            yield from _told(paragraph)
        yield from self._commands()
        yield from self._options()

    def examples(self) -> Iterator[str]:
        """Yield what stands below the help: examples, or where to begin."""
        lines = cleandoc(self.command.epilog or "").removeprefix("\b\n").splitlines()
        if lines[:1] == ["Examples:"]:
            yield heading("examples")
            yield from verbatim(line.removeprefix("  ") for line in lines[1:])
        elif lines:
            yield ".PP"
            yield from filled(inline(" ".join(lines)))

    def _synopsis(self) -> str:
        pieces = self.command.collect_usage_pieces(self.context)
        return " ".join(
            [f"\\fB{code(' '.join(self.words))}\\fR", *(f"\\fI{code(one)}\\fR" for one in pieces)]
        )

    def _commands(self) -> Iterator[str]:
        if isinstance(self.command, click.Group):
            yield heading("commands")
            for word, inner in sorted(self.command.commands.items()):
                said = _paragraphs(inner.help or "")[0]
                yield from item(f"\\fB{code(f'{self.name}-{word}')}\\fR(1)", inline(said))

    def _options(self) -> Iterator[str]:
        yield heading("options")
        for parameter in self.command.get_params(self.context):
            if not isinstance(parameter, click.Option) or parameter.hidden:
                continue
            names = ", ".join(
                f"\\fB{code(name)}\\fR" for name in (*parameter.opts, *parameter.secondary_opts)
            )
            if not (parameter.is_flag or parameter.count):
                names += f" \\fI{code(parameter.make_metavar(self.context))}\\fR"
            record = parameter.get_help_record(self.context)
            yield from item(names, inline(record[1] if record else ""))


def pages(command: click.Command, words: tuple[str, ...]) -> Iterator[Page]:
    """Yield the page of a command, and those of all commands in it."""
    yield Page(command, words)
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from pages(inner, (*words, word))


def _paragraphs(text: str) -> list[str]:
    return re.split(r"\n\s*\n", cleandoc(text.partition("\f")[0])) or [""]


def _told(paragraph: str) -> Iterator[str]:
    if paragraph.startswith("\b\n"):
        yield from verbatim(paragraph.splitlines()[1:])
    else:
        yield ".PP"
        yield from filled(inline(" ".join(paragraph.split())))
