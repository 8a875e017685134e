"""``watchtower authority import``: what a payee signed ahead of need, verified and taken whole."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.cli.standing import noted_estate
from watchtower.errors import BundleError
from watchtower.judgement.authority import authority_fault
from watchtower.judgement.channel import Channel
from watchtower.judgement.estate import Estate
from watchtower.keys.acceptance import Known, unsure_of, why_refused
from watchtower.keys.authority import Right
from watchtower.keys.bundle import MOST_BYTES, Bundle, read_bundle
from watchtower.response.bundle import Presigned
from watchtower.settings import Settings
from watchtower.store.bundles import BUNDLE_IMPORTED
from watchtower.store.database import Store
from watchtower.store.work import Work
from watchtower.units import ChannelId, Drops, format_drops
from watchtower.wiring import rights_of

__all__ = ["Covered", "import_bundle", "take_bundle"]

_NOT_PROTECTED: Final = (
    "It does not protect from: a change of the account's key, which kills all of it; a ticket that "
    "is used or burnt (each channel has as many tries as tickets); a ledger in which more than "
    "the highest fee is asked until the channel ends; and what claims add that come later than it."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Covered:
    """What an import brought about: per channel what it covers, of what is at stake; in drops."""

    bundle: Bundle
    kept: int
    dropped: int
    covered: Mapping[ChannelId, Drops]
    beyond: Mapping[ChannelId, Drops]
    unsure: tuple[str, ...]


@click.command(
    name="import",
    epilog=examples(
        "watchtower authority import bundle.json", "watchtower authority import bundle.json --json"
    ),
)
@click.argument("file", type=click.Path(path_type=Path))
@json_option
def import_bundle(file: Path, *, as_json: bool) -> None:
    """Take a bundle of claims that a payee signed ahead of need, from FILE.

    Also while the daemon runs. Every transaction in it is verified before any is taken: it is
    accepted whole or not at all.
    Says what it covers, and from what it does not protect.
    """
    loaded = settings()
    bundle = read_bundle(_read(file))
    done = run_async(_import(loaded, bundle))
    tell(_report(done), "\n".join(_sentences(done)), as_json=as_json)


def _read(file: Path) -> bytes:
    try:
        with file.open("rb") as opened:
            # One byte more than may be there is enough to refuse it.
            return opened.read(MOST_BYTES + 1)
    except OSError as problem:
        raise BundleError(why=f"{file} cannot be read ({problem.strerror})") from None


async def _import(loaded: Settings, bundle: Bundle) -> Covered:
    async with open_store(loaded) as store:
        return await take_bundle(store, loaded, bundle)


async def take_bundle(store: Store, loaded: Settings, bundle: Bundle) -> Covered:
    """Take a bundle whole, and say what it covers.

    Raises:
        BundleError: the tower has no right use for it; nothing was changed.
    """
    if Right.PRESIGNED not in rights_of(loaded).get(bundle.account, tuple(Right)):
        raise BundleError(why=f"`rights` does not name presigned for {bundle.account}")
    async with store.write() as work:
        estate = await noted_estate(work, bundle.account)
        held = await work.bundles.of_account(bundle.account)
        channels = await work.channels.find({each.channel for each in (*bundle.presigned, *held)})
        known = Known(
            network_id=store.network,
            payees=loaded.payees,
            estate=estate,
            channels=channels,
            held=held,
            fee_cap=Drops(loaded.fees.cap_drops),
        )
        if why := why_refused(bundle, known):
            raise BundleError(why=why)
        dropped = await work.bundles.drop_all(_useless(held, bundle, estate, channels))
        kept = await work.bundles.raise_all(bundle.presigned)
        await _raise_claims(work, bundle)
        facts = {
            "account": bundle.account,
            "signing_key": bundle.signing_key,
            "channels": len({each.channel for each in bundle.presigned}),
        }
        await work.journal.append(BUNDLE_IMPORTED, facts=facts)
        best = await work.claims.find({each.channel for each in bundle.presigned})
    covered = {
        each.channel: Drops(each.target - channels[each.channel].entry.balance)
        for each in bundle.presigned
    }
    owed = {
        channel: min(claim.amount, channels[channel].entry.amount) - channels[channel].entry.balance
        for channel, claim in best.items()
    }
    beyond = {c: Drops(owed[c] - drops) for c, drops in covered.items() if owed[c] > drops}
    return Covered(
        bundle=bundle,
        kept=kept,
        dropped=dropped,
        covered=covered,
        beyond=beyond,
        unsure=unsure_of(known),
    )


def _useless(
    held: Iterable[Presigned],
    bundle: Bundle,
    estate: Estate,
    channels: Mapping[ChannelId, Channel],
) -> Iterator[Presigned]:
    """Yield what can never be of use again, or gives way to what was signed with another key."""
    new = {(each.channel, each.ticket): each for each in bundle.presigned}
    for each in held:
        channel = channels.get(each.channel)
        is_over = channel is None or channel.closed_at is not None
        is_dead = authority_fault(estate, each.signing_key) is not None
        instead = new.get((each.channel, each.ticket))
        is_replaced = (
            instead is not None
            and instead.signing_key != each.signing_key
            and instead.target >= each.target
        )
        if is_over or is_dead or is_replaced or estate.ticket_book.is_gone(each.ticket):
            yield each


async def _raise_claims(work: Work, bundle: Bundle) -> None:
    """Keep the claims too: they are valid, and a claim above the best is always kept (rule 8)."""
    claims = {each.channel: each.claim for each in bundle.presigned}
    best = await work.claims.find(claims)
    for channel, claim in claims.items():
        if channel not in best or claim.amount > best[channel].amount:
            await work.claims.raise_best(claim)
            await work.journal.append(
                "claim_kept", channel=channel, facts={"amount": claim.amount, "rescued": False}
            )


def _report(done: Covered) -> dict[str, Any]:
    return {
        "account": done.bundle.account,
        "signing_key": done.bundle.signing_key,
        "kept": done.kept,
        "dropped": done.dropped,
        "channels": [
            {
                "channel": channel,
                "covered": covered,
                "beyond": done.beyond.get(channel, 0),
                "tickets": [e.ticket for e in done.bundle.presigned if e.channel == channel],
                "highest_fee": max(
                    e.levels[-1].fee for e in done.bundle.presigned if e.channel == channel
                ),
            }
            for channel, covered in done.covered.items()
        ],
        "unsure": list(done.unsure),
        "not_protected": _NOT_PROTECTED,
    }


def _sentences(done: Covered) -> Iterator[str]:
    total = format_drops(Drops(sum(done.covered.values())))
    highest = max(each.levels[-1].fee for each in done.bundle.presigned)
    yield (
        f"Accepted: {total} on {len(done.covered)} channels of {done.bundle.account} can be "
        f"redeemed with it, for {format_drops(highest)} at most each; {done.kept} entries are new."
    )
    if done.beyond:
        beyond = format_drops(Drops(sum(done.beyond.values())))
        yield f"{beyond} are at stake beyond it on {len(done.beyond)} of these channels already."
    for unsure in done.unsure:
        yield f"Not verified: {unsure}."
    yield _NOT_PROTECTED
