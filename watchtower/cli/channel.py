"""``watchtower channel``: what is known of channels, and why something was or was not done."""

from __future__ import annotations

import click

from watchtower.cli.channel_seen import seen
from watchtower.cli.explain import explain
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.cli.standing import covered_by, last_standing
from watchtower.interfaces.channel_view import View, view_of
from watchtower.judgement.outgoing import Tally
from watchtower.settings import Settings
from watchtower.tower.memory import tallies_of
from watchtower.units import parse_channel_id

__all__ = ["channel"]

_PATIENCE = 4.0


@click.group(cls=Listed)
def channel() -> None:
    """Channels that pay the accounts we guard, and those that our payers have opened."""


@channel.command(
    name="list", epilog=examples("watchtower channel list", "watchtower channel list --json")
)
@click.option("--closed", is_flag=True, help="Those that have closed, too.")
@json_option
def list_channels(*, closed: bool, as_json: bool) -> None:
    """List the channels: what is at stake, the verdict, and whether each can be protected.

    Of a payer's channel: where it stands, what is left in it, and whether a claim is foreign.
    """
    for view in run_async(_all(settings(), closed=closed)):
        tell(view.report(), view.line(), as_json=as_json)


@channel.command(
    epilog=examples("watchtower channel show CHANNEL", "watchtower channel show CHANNEL --json")
)
@click.argument("channel_id", metavar="CHANNEL")
@json_option
def show(channel_id: str, *, as_json: bool) -> None:
    """Show one channel as the ledger has it now, or as the store knows it."""
    view = run_async(seen(settings(), parse_channel_id(channel_id))).view
    report = view.report()
    tell(report, "\n".join(f"{name}: {value}" for name, value in report.items()), as_json=as_json)


channel.add_command(explain)


async def _all(loaded: Settings, *, closed: bool) -> list[View]:
    async with open_store(loaded) as store:
        now, covered = await last_standing(store), await covered_by(store)
        async with store.read() as work:
            known = await (work.channels.load_all() if closed else work.channels.load_open())
            claims = {claim.channel: claim for claim in await work.claims.load_all()}
            tallies = tallies_of(await work.notes.load_all())
            accounted = await work.cursor.get()
    return [
        view_of(
            loaded,
            one,
            claims.get(one.entry.channel),
            tallies.get(one.entry.channel, Tally()),
            now=now,
            accounted=accounted,
            covered=covered(one.entry),
        )
        for one in sorted(known, key=lambda one: one.entry.channel)
    ]
