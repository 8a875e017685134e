"""The command line: ``watchtower`` and one file for each group of commands.

Every command answers on standard output, in text or with ``--json`` as one JSON object a line;
what went wrong is one sentence on standard error, with the exit code of its error
(``docs/exit-codes.md``). No traceback reaches a user.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click
import structlog

from watchtower import __version__
from watchtower.cli.backup import backup
from watchtower.cli.channel import channel
from watchtower.cli.claim import claim
from watchtower.cli.demo import demo
from watchtower.cli.init import init
from watchtower.cli.key import key
from watchtower.cli.output import DEBUG_VARIABLE, report_error
from watchtower.cli.run import run
from watchtower.cli.sandbox import sandbox
from watchtower.cli.status import status
from watchtower.errors import WatchtowerError

__all__ = ["main", "root"]

_INTERRUPTED = 130
_USAGE = 2
_OUR_FAULT = 70


@click.group(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Begin with `watchtower demo`, then `watchtower init --help`.",
)
@click.version_option(__version__, prog_name="watchtower")
def root() -> None:
    """Guard XRP Ledger payment channels: the payee never ends below its best claim."""


for _command in (init, key, channel, claim, run, status, backup, sandbox, demo):
    root.add_command(_command)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command and end the process with its exit code."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
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
            structlog.get_logger(__name__).exception("command_failed")
        report_error(error, _OUR_FAULT, as_json=as_json)
        sys.exit(_OUR_FAULT)
    sys.exit(code if isinstance(code, int) else 0)
