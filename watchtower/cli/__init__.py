"""The command line: ``watchtower`` and one file for each group of commands.

Every command answers on standard output, in text or with ``--json`` as one JSON object a line;
what went wrong is one sentence on standard error, with the exit code of its error
(``docs/exit-codes.md``). No traceback reaches a user.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, MutableMapping, Sequence
from itertools import chain
from typing import Final

import click
from typing_extensions import override

from watchtower import __version__
from watchtower.cli.listed import Listed
from watchtower.cli.output import DEBUG_VARIABLE, report_error
from watchtower.core_dumps import disable_core_dumps
from watchtower.errors import WatchtowerError

__all__ = ["main", "root"]

_INTERRUPTED = 130
_USAGE = 2
_OUR_FAULT = 70

_SUBJECTS: Final = {
    "Setting up": ("init", "key", "authority", "hsm", "token"),
    "The ways into the store": ("vault",),
    "Running": ("run", "signer", "status", "report", "alert", "doctor"),
    "Claims": ("claim", "receipt"),
    "Signing together": ("cosign",),
    "Channels": ("channel", "explain"),
    "Signing ahead": ("presign",),
    "Backups and the store": ("backup", "journal", "store", "head"),
    "Trying it": ("sandbox", "drill", "demo"),
    "At your shell": ("completion",),
}
"""The commands by what they are about, under the headings of ``docs/commands.md``.

Each is in the file that is called like it.
"""

_NAMES: Final = tuple(sorted(chain.from_iterable(_SUBJECTS.values())))


class _Commands(MutableMapping[str, click.Command]):
    """The commands by name, each imported when it is asked for.

    A ledger in a box needs no store, and a store no ledger in a box; who starts one of them should
    not wait for both.
    """

    def __init__(self, names: Sequence[str]) -> None:
        self._loaded: dict[str, click.Command | None] = dict.fromkeys(names)

    @override
    def __getitem__(self, name: str) -> click.Command:
        command = self._loaded[name]
        if command is None:
            command = getattr(importlib.import_module(f"{__name__}.{name}"), name)
            self._loaded[name] = command
        return command

    @override
    def __setitem__(self, name: str, command: click.Command) -> None:
        self._loaded[name] = command

    @override
    def __delitem__(self, name: str) -> None:
        del self._loaded[name]

    @override
    def __iter__(self) -> Iterator[str]:
        return iter(self._loaded)

    @override
    def __len__(self) -> int:
        return len(self._loaded)


class _BySubject(Listed):
    """The commands, listed under headings: who begins does not know what to look for."""

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for heading, names in _SUBJECTS.items():
            self.list_under(formatter, heading, names)


@click.group(
    cls=_BySubject,
    commands=_Commands(_NAMES),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with `watchtower demo`, then `watchtower init --help`.",
)
@click.version_option(__version__, prog_name="watchtower")
def root() -> None:
    """Guard XRP Ledger payment channels: the payee never ends below its best claim."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    disable_core_dumps()  # before there is any secret in this process
    as_json = "--json" in arguments
    try:
        code = root.main(arguments, prog_name="watchtower", standalone_mode=False)
    except WatchtowerError as error:
        report_error(error, error.exit_code, as_json=as_json)
        sys.exit(error.exit_code)
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        sys.exit(_USAGE)
    except click.UsageError as error:
        error.show()
        sys.exit(_USAGE)
    except (click.Abort, KeyboardInterrupt):
        click.echo("Interrupted.", err=True)
        sys.exit(_INTERRUPTED)
    except BrokenPipeError:
        # Whoever read our output has gone; there is nobody left to tell.
        sys.stderr.close()
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - no traceback reaches a user
        # Our own mistake: one sentence to the person, and where it was for whoever asks for it.
        if os.environ.get(DEBUG_VARIABLE):
            _log_failure()
        report_error(error, _OUR_FAULT, as_json=as_json)
        sys.exit(_OUR_FAULT)
    sys.exit(code if isinstance(code, int) else 0)


def _log_failure() -> None:
    """Log the exception at hand; the logger is imported only for that."""
    structlog = importlib.import_module("structlog")
    structlog.get_logger(__name__).exception("command_failed")
