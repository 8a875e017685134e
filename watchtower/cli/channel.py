"""``watchtower channel``: what is known of channels, and why something was or was not done."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import ledger_time, open_store, run_async, settings
from watchtower.cli.standing import covered_by, last_standing
from watchtower.cli.story import entry_report, entry_text
from watchtower.errors import ClaimUnknownChannelError, LedgerError
from watchtower.interfaces.channel_view import Standing, View, view_of
from watchtower.judgement.channel import Channel, observe
from watchtower.judgement.outgoing import Tally
from watchtower.ledger.servers import Servers
from watchtower.response.attempt import Attempt
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.journal import NumberedEntry
from watchtower.tower.changes import TALLY_NOTE
from watchtower.tower.memory import tallies_of
from watchtower.units import ChannelId, parse_channel_id
from watchtower.wiring import link_settings

__all__ = ["channel"]

_PATIENCE = 4.0


@click.group()
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
    view, _, _ = run_async(_one(settings(), parse_channel_id(channel_id)))
    report = view.report()
    tell(report, "\n".join(f"{name}: {value}" for name, value in report.items()), as_json=as_json)


@channel.command(name="explain", epilog=examples("watchtower channel explain CHANNEL"))
@click.argument("channel_id", metavar="CHANNEL")
@json_option
def explain_channel(channel_id: str, *, as_json: bool) -> None:
    """Tell what is at stake now and why something was or was not done, ledger by ledger."""
    view, attempts, story = run_async(_one(settings(), parse_channel_id(channel_id)))
    report = {
        **view.report(),
        "explanation": view.explanation(),
        "attempts": [_attempt(attempt) for attempt in attempts],
        "story": [entry_report(entry) for entry in story],
    }
    lines = [view.explanation(), ""]
    lines += [entry_text(entry) for entry in story]
    tell(report, "\n".join(lines).rstrip(), as_json=as_json)


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


async def _one(
    loaded: Settings, channel_id: ChannelId
) -> tuple[View, list[Attempt], list[NumberedEntry]]:
    async with open_store(loaded) as store:
        async with store.read() as work:
            known = await work.channels.get(channel_id)
            best = await work.claims.best(channel_id)
            attempts = await work.attempts.for_channel(channel_id)
            story = await work.journal.story(channel_id)
            name = TALLY_NOTE + channel_id
            tallies = tallies_of({name: value} if (value := await work.notes.get(name)) else {})
            accounted = await work.cursor.get()
        known, now = await _look(loaded, store, channel_id, known)
        covered = await covered_by(store)
    if known is None:
        raise ClaimUnknownChannelError(channel=channel_id)
    tally = tallies.get(channel_id, Tally())
    view = view_of(
        loaded,
        known,
        best,
        tally,
        now=now,
        accounted=accounted,
        covered=covered(known.entry),
    )
    return view, attempts, story


async def _look(
    loaded: Settings, store: Store, channel_id: ChannelId, known: Channel | None
) -> tuple[Channel | None, Standing]:
    """Return the channel as the ledger has it now; as the store knows it if nobody answers."""
    last = await last_standing(store)
    links = link_settings(loaded)
    try:
        async with Servers.connected(
            loaded.servers, _PATIENCE, network_id=store.network, settings=links
        ) as servers:
            seen, _ = observe(known, await servers.read_channel(channel_id))
            return seen, replace(last, ledger_time=await ledger_time(servers))
    except LedgerError as unreachable:
        if known is None:
            raise
        click.echo(f"{unreachable} This is what the store knows.", err=True)
        return known, last


def _attempt(attempt: Attempt) -> dict[str, Any]:
    outcome = attempt.outcome
    return {
        "transaction": attempt.transaction,
        "purpose": attempt.purpose.value,
        "sequence": attempt.seat.number,
        "target": attempt.target,
        "fee": attempt.fee,
        "made_in": attempt.made_in,
        "last_ledger": None if attempt.never_lapses else attempt.last_ledger,
        "outcome": None if outcome is None else outcome.kind.value,
        "paid": None if outcome is None else outcome.paid,
        "why": None if outcome is None else outcome.why,
    }
