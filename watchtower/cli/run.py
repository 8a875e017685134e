"""``watchtower run``: the daemon, in the foreground."""

from __future__ import annotations

import os

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import run_async, settings, way_in
from watchtower.collector import calm
from watchtower.daemon import run as run_daemon
from watchtower.interfaces.amounts import amounts_as_text
from watchtower.units import Drops, format_drops

__all__ = ["run"]


@click.command(
    epilog=examples(
        "watchtower run",
        "watchtower run --shadow       # decides everything, sends nothing",
        "watchtower run --once         # for cron: looks, answers, waits for the outcome, ends",
    )
)
@click.option("--once", is_flag=True, help="Answer what needs answering, then end.")
@click.option("--shadow", is_flag=True, help="Decide everything and send nothing.")
@json_option
def run(*, once: bool, shadow: bool, as_json: bool) -> None:
    """Guard the channels until stopped (SIGTERM, SIGINT); the log goes to standard error."""
    loaded = settings(is_daemon=True)
    calm()
    status = run_async(run_daemon(loaded, way_in(loaded), os.environ, once=once, shadow=shadow))
    at_stake = format_drops(Drops(status["at_stake"]))
    text = (
        f"Stopped at ledger {status['ledger_index']}: {status['channels']} channels, "
        f"{at_stake} at stake, {status['attempts']} attempts on their way."
    )
    tell(amounts_as_text(status), text, as_json=as_json)
