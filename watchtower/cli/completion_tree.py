"""What can be written on the command line, read once from the commands themselves.

A shell that completes needs no more than this; nobody has to be asked while somebody types.
"""

from __future__ import annotations

from collections.abc import Iterator
from enum import Enum

import click
from msgspec import Struct

__all__ = ["Option", "Place", "Value", "places"]

_FILES = frozenset({"--out", "--output", "--socket", "--write"})
"""Options whose value is a file, beside those that end with ``file``. To click it is text: ``-``
is good as well, or what is wrong with it is said in a sentence of ours."""

_FILE_ARGUMENTS = frozenset({"file", "files", "requests"})


class Value(Enum):
    """What an option or an argument takes, where it is not one of a few words."""

    ANYTHING = "anything"
    FILE = "file"
    FOLDER = "folder"


class Option(Struct, frozen=True):
    """An option of a command.

    Attributes:
        names: all of its spellings.
        means: its help, in one line.
        takes: its value; None for a flag.
        words: the values that there are, if these are few.
    """

    names: tuple[str, ...]
    means: str
    takes: Value | None = None
    words: tuple[str, ...] = ()


class Place(Struct, frozen=True):
    """A command or a group of them, and what can stand behind it.

    Attributes:
        name: all words that call it.
        commands: what the group has, each with its help in one line.
        options: its options.
        words: the values of its arguments that there are, if these are few.
        takes: whether one of its arguments is a file or a folder; None if none is.
    """

    name: str
    commands: tuple[tuple[str, str], ...]
    options: tuple[Option, ...]
    words: tuple[str, ...] = ()
    takes: Value | None = None


def places(command: click.Command, name: str) -> Iterator[Place]:
    """Yield ``command``, which ``name`` calls, and all that is in it."""
    shown = [parameter for parameter in command.params if isinstance(parameter, click.Option)]
    context = click.Context(command, info_name=name, help_option_names=["-h", "--help"])
    helping = command.get_help_option(context)
    options = tuple(
        _option(one) for one in (*shown, *([helping] if helping else [])) if not one.hidden
    )
    arguments = [one for one in command.params if isinstance(one, click.Argument)]
    taken = [_value(one) for one in arguments]
    yield Place(
        name=name,
        commands=tuple(_commands(command)),
        options=options,
        words=tuple(word for one in arguments for word in _words(one)),
        takes=next((one for one in taken if one is not Value.ANYTHING), None),
    )
    if isinstance(command, click.Group):
        for word, inner in command.commands.items():
            yield from places(inner, f"{name} {word}")


def _commands(command: click.Command) -> Iterator[tuple[str, str]]:
    if isinstance(command, click.Group):
        for word, inner in sorted(command.commands.items()):
            yield word, inner.get_short_help_str(limit=100)


def _option(option: click.Option) -> Option:
    return Option(
        names=(*option.opts, *option.secondary_opts),
        means=" ".join((option.help or "").split()),
        takes=None if option.is_flag or option.count else _value(option),
        words=_words(option),
    )


def _words(parameter: click.Parameter) -> tuple[str, ...]:
    if isinstance(parameter.type, click.Choice):
        return tuple(str(choice) for choice in parameter.type.choices)
    return ()


def _value(parameter: click.Parameter) -> Value:
    if isinstance(parameter.type, click.Path):
        return Value.FILE if parameter.type.file_okay else Value.FOLDER
    if isinstance(parameter, click.Argument):
        return Value.FILE if parameter.name in _FILE_ARGUMENTS else Value.ANYTHING
    is_file = any(name in _FILES or name.endswith("file") for name in parameter.opts)
    return Value.FILE if is_file else Value.ANYTHING
