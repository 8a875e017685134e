"""``watchtower demo``: the main job, end to end, without any configuration."""

from __future__ import annotations

import sys

import click
import msgspec
from rich.console import Console

from watchtower.cli.output import examples, json_option
from watchtower.cli.session import run_async
from watchtower.demo.story import play
from watchtower.logs import configure

__all__ = ["demo"]

_SOMETHING_LOST = 1


@click.command(epilog=examples("watchtower demo", "watchtower demo --json   # only the last line"))
@json_option
def demo(*, as_json: bool) -> None:
    """Show the tower at work on an embedded ledger: thieves, a sleeping publisher, a SIGKILL.

    The last line is JSON. Ends with exit code 0 only if balances that were read back from the
    ledger prove that nothing was lost on a channel that could be protected.
    """
    configure(level="error")
    console = Console(quiet=as_json, highlight=False)
    reckoning = run_async(play(console))
    console.print()
    click.echo(msgspec.json.encode(reckoning.report()).decode())
    if reckoning.lost or not reckoning.is_proven:
        sys.exit(_SOMETHING_LOST)
