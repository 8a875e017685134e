"""Groups of commands, whose ``--help`` lists each command with its whole sentence.

Click cuts the sentences to what is left of a line, and mostly before what tells two commands apart.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

import click
from typing_extensions import override

__all__ = ["Listed"]

_WHOLE_SENTENCE: Final = 1_000
"""So many letters of it are shown: always all."""


class Listed(click.Group):
    """A group whose commands are listed by whole sentences, wrapped where a line ends."""

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.list_under(formatter, "Commands", self.list_commands(ctx))

    def list_under(
        self, formatter: click.HelpFormatter, heading: str, names: Iterable[str]
    ) -> None:
        """List some of the commands under a heading, in a column as wide as all of them need."""
        width = max(map(len, self.commands))
        with formatter.section(heading):
            formatter.write_dl(
                [
                    (name.ljust(width), self.commands[name].get_short_help_str(_WHOLE_SENTENCE))
                    for name in names
                ]
            )
