"""``watchtower channel``: what is known of channels, and why something was or was not done."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import ledger_time, open_store, run_async, settings
from watchtower.cli.story import entry_report, entry_text
from watchtower.errors import ClaimUnknownChannelError, LedgerError
from watchtower.judgement.channel import Channel, observe, phase
from watchtower.judgement.claim import Claim
from watchtower.judgement.explain import describe, describe_unprotectable, explain
from watchtower.judgement.judge import Judgement, judge
from watchtower.ledger.servers import Servers
from watchtower.response.attempt import Attempt
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.journal import NumberedEntry
from watchtower.tending import STATUS_NOTE
from watchtower.units import (
    ChannelId,
    RippleTime,
    format_drops,
    format_time,
    parse_channel_id,
)
from watchtower.wiring import link_settings, policy_of

__all__ = ["channel"]

_PATIENCE = 4.0


@click.group()
def channel() -> None:
    """Channels that pay the accounts we guard."""


@channel.command(
    name="list", epilog=examples("watchtower channel list", "watchtower channel list --json")
)
@click.option("--closed", is_flag=True, help="Those that have closed, too.")
@json_option
def list_channels(*, closed: bool, as_json: bool) -> None:
    """List the channels: what is at stake, the verdict, and whether each can be protected."""
    for judged in run_async(_all(settings(), closed=closed)):
        report = _report(*judged)
        at_stake = format_drops(report["at_stake"])
        promise = "protectable" if report["protectable"] else "NOT PROTECTABLE"
        text = f"{report['channel']}  {report['verdict']:<10} {at_stake} at stake  {promise}"
        tell(report, text, as_json=as_json)


@channel.command(
    epilog=examples("watchtower channel show CHANNEL", "watchtower channel show CHANNEL --json")
)
@click.argument("channel_id", metavar="CHANNEL")
@json_option
def show(channel_id: str, *, as_json: bool) -> None:
    """Show one channel as the ledger has it now, or as the store knows it."""
    judged = run_async(_one(settings(), parse_channel_id(channel_id)))
    report = _report(*judged[:3])
    tell(report, "\n".join(f"{name}: {value}" for name, value in report.items()), as_json=as_json)


@channel.command(name="explain", epilog=examples("watchtower channel explain CHANNEL"))
@click.argument("channel_id", metavar="CHANNEL")
@json_option
def explain_channel(channel_id: str, *, as_json: bool) -> None:
    """Tell what is at stake now and why something was or was not done, ledger by ledger."""
    known, best, judgement, attempts, story = run_async(
        _one(settings(), parse_channel_id(channel_id))
    )
    report = {
        **_report(known, best, judgement),
        "explanation": explain(judgement),
        "attempts": [_attempt(attempt) for attempt in attempts],
        "story": [entry_report(entry) for entry in story],
    }
    lines = [explain(judgement), ""]
    lines += [entry_text(entry) for entry in story]
    tell(report, "\n".join(lines).rstrip(), as_json=as_json)


Judged = tuple[Channel, Claim | None, Judgement]


async def _all(loaded: Settings, *, closed: bool) -> list[Judged]:
    async with open_store(loaded) as store:
        now = await _stored_time(store)
        async with store.read() as work:
            known = await (work.channels.load_all() if closed else work.channels.load_open())
            claims = {claim.channel: claim for claim in await work.claims.load_all()}
    policy = policy_of(loaded)
    judged = []
    for one in sorted(known, key=lambda one: one.entry.channel):
        best = claims.get(one.entry.channel)
        judged.append((one, best, judge(one, best, ledger_time=now, policy=policy)))
    return judged


async def _one(
    loaded: Settings, channel_id: ChannelId
) -> tuple[Channel, Claim | None, Judgement, list[Attempt], list[NumberedEntry]]:
    async with open_store(loaded) as store:
        async with store.read() as work:
            known = await work.channels.get(channel_id)
            best = await work.claims.best(channel_id)
            attempts = await work.attempts.for_channel(channel_id)
            story = await work.journal.story(channel_id)
        known, now = await _look(loaded, store, channel_id, known)
    if known is None:
        raise ClaimUnknownChannelError(channel=channel_id)
    return (
        known,
        best,
        judge(known, best, ledger_time=now, policy=policy_of(loaded)),
        attempts,
        story,
    )


async def _look(
    loaded: Settings, store: Store, channel_id: ChannelId, known: Channel | None
) -> tuple[Channel | None, RippleTime]:
    """Return the channel as the ledger has it now; as the store knows it if nobody answers."""
    links = link_settings(loaded)
    try:
        async with Servers.connected(
            loaded.servers, _PATIENCE, network_id=store.network, settings=links
        ) as servers:
            seen, _ = observe(known, await servers.read_channel(channel_id))
            return seen, await ledger_time(servers)
    except LedgerError as unreachable:
        if known is None:
            raise
        click.echo(f"{unreachable} This is what the store knows.", err=True)
        return known, await _stored_time(store)


async def _stored_time(store: Store) -> RippleTime:
    """Return the newest ledger time that the daemon has seen; the beginning if it never ran."""
    async with store.read() as work:
        told: Mapping[str, Any] = await work.notes.get(STATUS_NOTE) or {}
    return RippleTime(told.get("ledger_time") or 0)


def _report(known: Channel, best: Claim | None, judgement: Judgement) -> dict[str, Any]:
    entry, deadline = known.entry, judgement.deadline
    return {
        "channel": entry.channel,
        "source": entry.source,
        "destination": entry.destination,
        "amount": entry.amount,
        "balance": entry.balance,
        "settle_delay": entry.settle_delay,
        "public_key": entry.public_key,
        "expiration": None if entry.expiration is None else format_time(entry.expiration),
        "cancel_after": None if entry.cancel_after is None else format_time(entry.cancel_after),
        "phase": phase(known, judgement.ledger_time).value,
        "as_of_ledger": known.as_of.ledger_index,
        "best_claim": None if best is None else best.amount,
        "at_stake": judgement.at_stake,
        "verdict": type(judgement.verdict).__name__,
        "why": describe(judgement.verdict),
        "redeem": judgement.redeem,
        "deadline": None if deadline is None else format_time(deadline.sure_until),
        "slack": judgement.slack,
        "protectable": judgement.protectable,
        "unprotectable": [describe_unprotectable(reason) for reason in judgement.unprotectable],
        "ledger_time": format_time(judgement.ledger_time),
    }


def _attempt(attempt: Attempt) -> dict[str, Any]:
    outcome = attempt.outcome
    return {
        "transaction": attempt.transaction,
        "sequence": attempt.seat.number,
        "target": attempt.target,
        "fee": attempt.fee,
        "made_in": attempt.made_in,
        "last_ledger": attempt.last_ledger,
        "outcome": None if outcome is None else outcome.kind.value,
        "paid": None if outcome is None else outcome.paid,
        "why": None if outcome is None else outcome.why,
    }
