"""A channel as the ledger has it now and as the store knows it, for commands about one."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import click

from watchtower.cli.session import ledger_time, open_store
from watchtower.cli.standing import covered_by, last_standing
from watchtower.errors import ClaimUnknownChannelError, LedgerError
from watchtower.interfaces.channel_view import Standing, View, view_of
from watchtower.judgement.channel import Channel, observe
from watchtower.judgement.outgoing import Tally
from watchtower.ledger.servers import Servers
from watchtower.response.attempt import Attempt
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.journal import NumberedEntry
from watchtower.tower.bulletin import STATUS_NOTE
from watchtower.tower.changes import TALLY_NOTE
from watchtower.tower.memory import tallies_of
from watchtower.units import ChannelId, LedgerIndex, RippleTime
from watchtower.wiring import link_settings

__all__ = ["Seen", "seen"]

_PATIENCE: Final = 4.0

_ASKED: Final = 40
"""Ledgers of which close times are asked, the newest: each is a request."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """A channel, all that was tried on it and told of it.

    ``closes`` has when ledgers of the story closed, as far as a server told; ``said`` is what the
    daemon said last of itself.
    """

    view: View
    attempts: list[Attempt]
    story: list[NumberedEntry]
    closes: Mapping[LedgerIndex, RippleTime]
    said: Mapping[str, Any]


async def seen(loaded: Settings, channel_id: ChannelId, *, with_closes: bool = False) -> Seen:
    """Return a channel; when its ledgers closed only ``with_closes``.

    Raises:
        ClaimUnknownChannelError: neither the ledger nor the store has it.
        LedgerError: the store does not have it, and no server answers.
    """
    async with open_store(loaded) as store:
        async with store.read() as work:
            known = await work.channels.get(channel_id)
            best = await work.claims.best(channel_id)
            attempts = await work.attempts.for_channel(channel_id)
            story = await work.journal.story(channel_id)
            name = TALLY_NOTE + channel_id
            tallies = tallies_of({name: value} if (value := await work.notes.get(name)) else {})
            accounted = await work.cursor.get()
            said = await work.notes.get(STATUS_NOTE) or {}
        told = {i for each in story if (i := each.entry.ledger_index) is not None}
        wanted = sorted(told)[-_ASKED:] if with_closes else ()
        known, now, closes = await _look(loaded, store, channel_id, known, wanted)
        if known is None:
            await _say_what_may_be(loaded, store, channel_id)
            raise ClaimUnknownChannelError(channel=channel_id)
        covered = await covered_by(store)
    view = view_of(
        loaded,
        known,
        best,
        tallies.get(channel_id, Tally()),
        now=now,
        accounted=accounted,
        covered=covered(known.entry),
    )
    return Seen(view=view, attempts=attempts, story=story, closes=closes, said=said)


async def _look(
    loaded: Settings,
    store: Store,
    channel_id: ChannelId,
    known: Channel | None,
    wanted: Collection[LedgerIndex],
) -> tuple[Channel | None, Standing, Mapping[LedgerIndex, RippleTime]]:
    """Return the channel as the ledger has it now; as the store knows it if nobody answers."""
    last = await last_standing(store)
    links = link_settings(loaded)
    try:
        async with Servers.connected(
            loaded.servers, _PATIENCE, network_id=store.network, settings=links
        ) as servers:
            now, _ = observe(known, await servers.read_channel(channel_id))
            standing = replace(last, ledger_time=await ledger_time(servers))
            closes = await asyncio.gather(*(_close_time(servers, each) for each in wanted))
            told = zip(wanted, closes, strict=True)
            return now, standing, {each: time for each, time in told if time is not None}
    except LedgerError as unreachable:
        if known is None:
            raise
        click.echo(f"{unreachable} This is what the store knows.", err=True)
        return known, last, {}


async def _close_time(servers: Servers, ledger: LedgerIndex) -> RippleTime | None:
    """Return when a ledger closed; None where nobody can tell any more."""
    try:
        result = await servers.ask("ledger", ledger_index=ledger)
    except LedgerError:
        return None
    header = result.get("ledger")
    close_time = header.get("close_time") if isinstance(header, Mapping) else None
    return RippleTime(close_time) if isinstance(close_time, int) else None


async def _say_what_may_be(loaded: Settings, store: Store, channel_id: ChannelId) -> None:
    """Say what may be the matter with a channel that nobody knows."""
    async with store.read() as work:
        waits = any(each.channel == channel_id for each in await work.claims.load_pending())
    network = "no network yet" if store.network is None else f"network {store.network}"
    reasons = [
        f"The id may be another network's: this store belongs to {network}.",
        "The channel may have closed before the tower saw it: a validated ledger has it no more.",
        f"Guarded here are {', '.join(loaded.addresses)}: of other channels nothing is kept.",
    ]
    if waits:
        reasons.insert(0, "A claim for it is kept as pending, until a server tells of the channel.")
    for reason in reasons:
        click.echo(reason, err=True)
