"""``watchtower head``: whether the store is the newest there is, and taking it as it is."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

import click

from watchtower.cli.asking import confirm
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import run_async, settings, way_in
from watchtower.errors import HeadTroubleError
from watchtower.heads import head_keeper, places_of
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.head import Finding
from watchtower.store.head_keeping import HeadKeeper, HeadUnreachable
from watchtower.store.head_looks import Look
from watchtower.tower.head_watch import alarm_of

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

__all__ = ["head"]

_NOBODY_TELLS: Final = 3

_FINE = {
    Finding.FINE: "the store is as far as this head, or further",
    Finding.NONE_YET: "no head was published there yet; the daemon does, once it runs",
}


@click.group(cls=Listed)
def head() -> None:
    """Heads: how far the store has come, kept where nothing puts it back with the store."""


@head.command(epilog=examples("watchtower head show", "watchtower head show --json"))
@json_option
def show(*, as_json: bool) -> None:
    """Compare the store with every head, and say what is missing; nothing is changed.

    Ends with exit code 78 if the store may have been put back, now or as was found before, and
    with 3 if no head could be reached, so that nobody can tell.
    """
    looks = run_async(_look(settings())).told
    for look in looks:
        tell(_report(look), _sentence(look), as_json=as_json)
    if not looks:
        click.echo("No head is kept anywhere, so nobody could tell: see `[head]`.", err=True)
    wrong = [look.place for look in looks if look.finding.is_trouble]
    if wrong:
        raise HeadTroubleError(places=", ".join(wrong))
    if looks and all(look.finding is Finding.UNREACHABLE for look in looks):
        raise SystemExit(_NOBODY_TELLS)


@head.command(
    epilog=examples("watchtower head accept", "watchtower head accept --yes --json"),
)
@click.option("--yes", is_flag=True, help="Do not ask.")
@json_option
def accept(*, yes: bool, as_json: bool) -> None:
    """Take the store as it is for the true one, having been told what is missing.

    Its head is published over those that speak against it, and the alarm ends. What is missing
    stays missing: channels and outcomes are read from the ledger again, and claims are not there.
    A head that was not there to be shown is left where it is, and said.
    """
    loaded = settings()
    sight = run_async(_look(loaded))
    looks = [look for look in sight.told if look.finding.is_trouble]
    if not looks:
        text = "Nothing speaks against the store, and nothing was changed."
        tell({"accepted": []}, text, as_json=as_json)
        return
    for look in looks:
        click.echo(_sentence(look), err=True)
    if not yes:
        confirm("Take the store as it is?")
    left = run_async(_accept(loaded, looks, sight.found))
    text = "The store counts as it is: its head stands everywhere again."
    if left:
        where = "; ".join(f"{place} ({why})" for place, why in left.items())
        text = f"The store counts as it is; its head was not published at {where}."
    report = {"accepted": [_report(look) for look in looks], "not_published": sorted(left)}
    tell(report, text, as_json=as_json)


class _Sight(NamedTuple):
    """What a person is told, and what stands at each place."""

    told: Sequence[Look]
    found: Mapping[str, Look]


async def _look(loaded: Settings) -> _Sight:
    async with _keeper(loaded) as keeper:
        found = {place.name: await keeper.look(place) for place in keeper.places}
        noted = await keeper.troubles()
    # What was found before stands until it is accepted, whatever is there by now.
    told = {**found, **noted}
    more = [
        look
        for name, look in found.items()
        if name in noted and look.finding.is_trouble and not _is_said_by(noted[name], look)
    ]
    return _Sight([*told.values(), *more], found)


def _is_said_by(noted: Look, look: Look) -> bool:
    """Return whether who was told of the one need not be told of the other."""
    if noted.finding is Finding.OLDER and look.finding is Finding.FORKED:
        return True  # an older store has lines of its own as soon as it acts
    entries, changes = look.missing.entries, look.missing.changes
    is_worse = entries > noted.missing.entries or changes > noted.missing.changes
    return look.finding is noted.finding and not is_worse


async def _accept(
    loaded: Settings, looks: Sequence[Look], seen: Mapping[str, Look]
) -> Mapping[str, str]:
    """Accept what was told, and publish; return where not, and why.

    A person takes their time, and a place may have come back meanwhile: what stands there may be
    all that is left of another copy.
    """
    left = {}
    async with _keeper(loaded) as keeper:
        found = {place.name: await keeper.look(place) for place in keeper.places}
        unseen = {name: look for name, look in found.items() if _is_news(look, seen.get(name))}
        await keeper.accept(looks)
        await keeper.write_down([*unseen.values()])
        for place in keeper.places:
            look = found[place.name]
            if look.finding is Finding.UNREACHABLE:
                left[place.name] = look.why
            elif place.name in unseen:
                left[place.name] = "nobody has seen what stands there now: `watchtower head show`"
            else:
                try:
                    await keeper.publish(place)
                except HeadUnreachable as why:
                    left[place.name] = str(why)
    return left


def _is_news(look: Look, seen: Look | None) -> bool:
    """Return whether what speaks against the store now is something else than was there before."""
    if not look.finding.is_trouble:
        return False
    if seen is None or not seen.finding.is_trouble:
        return True
    is_same = look.finding is seen.finding if look.head is None else look.head == seen.head
    return not is_same


@asynccontextmanager
async def _keeper(loaded: Settings) -> AsyncIterator[HeadKeeper]:
    async with (
        await Store.open(Path(loaded.store), way_in(loaded)) as store,
        places_of(loaded, os.environ, store, purpose="command") as places,
    ):
        yield head_keeper(store, places)


def _sentence(look: Look) -> str:
    if look.finding in _FINE:
        return f"{look.place}: {_FINE[look.finding]}."
    return alarm_of(look).sentence


def _report(look: Look) -> dict[str, Any]:
    stood = None if look.head is None else look.head.standing
    return {
        "place": look.place,
        "finding": look.finding.value,
        "sentence": _sentence(look),
        "missing_entries": look.missing.entries,
        "missing_changes": look.missing.changes,
        "entries": None if stood is None else stood.frontier.size,
        "changes": None if stood is None else stood.version,
        "root": None if stood is None else stood.frontier.root.hex(),
    }
