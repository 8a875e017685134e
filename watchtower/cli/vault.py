"""``watchtower vault``: the ways to the store's master key, and another master key.

No command takes a secret, and none shows one: they are found where ``watchtower run`` finds them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cache
from hmac import compare_digest
from pathlib import Path
from typing import Any, TypeVar

import click

from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import (
    hsm,
    new_passphrase,
    passphrase,
    run_async,
    settings_of_keys,
    way_in,
)
from watchtower.errors import ConfigError, WatchtowerError, WayInError
from watchtower.keys.key_file import CREDENTIAL, KEY_FILE, KeyInFile, make_key_file
from watchtower.keys.store_key import HSM, ByToken, label_of
from watchtower.keys.ways import ORDER, AnyWayIn, ByWord, Way, dearer
from watchtower.settings import Settings
from watchtower.signer_settings import SignerSettings
from watchtower.store.database import Store
from watchtower.store.header import DEFAULT_COST, PASSPHRASE, PREDECESSOR, Cost, Slot, cost_of
from watchtower.store.opening import header_of
from watchtower.store.tables import FORMAT

__all__ = ["vault"]

Command = TypeVar("Command", bound=Callable[..., Any])

_Loaded = Settings | SignerSettings

_STORE_KEY = "watchtower-store"

_kind = click.argument("kind", type=click.Choice(ORDER))


def _cost_options(command: Command) -> Command:
    """Give ``command`` the options that say what a guess of the passphrase is to cost."""
    for name, most, default, what in (
        ("--lanes", 64, DEFAULT_COST.lanes, "Lanes of Argon2id"),
        ("--passes", 64, DEFAULT_COST.passes, "Passes of Argon2id over its memory"),
        ("--memory-mib", 4096, DEFAULT_COST.memory_kib // 1024, "Memory for a guess, in MiB"),
    ):
        command = click.option(
            name, type=click.IntRange(1, most), default=default, show_default=True, help=f"{what}."
        )(command)
    return command


def _cost(memory_mib: int, passes: int, lanes: int) -> Cost:
    return Cost(memory_kib=memory_mib * 1024, passes=passes, lanes=lanes)


@click.group(cls=Listed)
def vault() -> None:
    """What opens the store: a passphrase, a key file, a systemd credential, an HSM, or several."""


@vault.command(epilog=examples("watchtower vault show", "watchtower vault show --json"))
@json_option
def show(*, as_json: bool) -> None:
    """Show each way into the store, where it is looked for and what a guess costs. No secret."""
    loaded = settings_of_keys()
    header = run_async(header_of(Path(loaded.store)))
    ways = way_in(loaded).ways
    for slot in header.slots:
        if slot.kind != PREDECESSOR:
            report, text = _described(slot, ways.get(slot.kind))
            tell(report, text, as_json=as_json)
    if any(slot.kind == PREDECESSOR for slot in header.slots):
        text = (
            "A new master key is on its way to every record; run "
            "`watchtower vault rekey --master` to go on with it."
        )
        tell({"rekeying": True, "epoch": header.epoch}, text, as_json=as_json)


@vault.command(
    epilog=examples(
        "watchtower vault add key_file --file /mnt/key/watchtower.key",
        "watchtower vault add credential --file /etc/watchtower/vault_key",
        "watchtower vault add passphrase",
    )
)
@_kind
@click.option(
    "--file",
    type=click.Path(path_type=Path),
    help="Of key_file and credential: where the key is, or is to be made.",
)
@click.option("--label", default=_STORE_KEY, show_default=True, help="Of hsm: the token's AES key.")
@_cost_options
@json_option
def add(kind: str, file: Path | None, label: str, *, as_json: bool, **cost: int) -> None:
    """Let the store open by one more way; it is tried before it counts.

    A key file is made if it is not there: 32 random bytes, for its owner only. Whoever has it
    opens the store, so keep it on another disk than the store and its backups.
    """
    loaded = settings_of_keys()
    way, made = _new_way(loaded, kind, file, label, _cost(**cost))
    run_async(_add(loaded, kind, way))
    text = f"{loaded.store} opens by {way.place} as well."
    if made is not None:
        text = f"Made the key {made}. {text}"
    if kind == CREDENTIAL and file is not None:
        text += f"\nHave the unit hand it over: LoadCredential=vault_key:{file.absolute()}"
    if kind == KEY_FILE and file is not None:
        text += "\nName it in the configuration: `vault.key_file`, or WATCHTOWER_KEY_FILE."
    report = {"store": loaded.store, "added": kind, "made": str(made) if made else None}
    tell(report, text, as_json=as_json)


@vault.command(epilog=examples("watchtower vault remove passphrase"))
@_kind
@json_option
def remove(kind: str, *, as_json: bool) -> None:
    """Let the store not open by a way any more; the last one stays, and one that opens it."""
    loaded = settings_of_keys()
    left = run_async(_remove(loaded, kind))
    text = f"{loaded.store} does not open by {kind} any more, but by {', '.join(left)}."
    tell({"store": loaded.store, "removed": kind, "ways": left}, text, as_json=as_json)


@vault.command(
    epilog=examples(
        "watchtower vault rekey                          # wrap the same master key anew",
        "watchtower vault rekey --memory-mib 256         # and make each guess dearer",
        "watchtower vault rekey --master                 # another master key, for every record",
        "watchtower vault rekey --master --drop hsm      # which this way opens no more",
    )
)
@click.option("--master", is_flag=True, help="Make another master key, and seal all by it.")
@click.option(
    "--drop",
    "dropped",
    multiple=True,
    type=click.Choice(ORDER),
    help="With --master: a way that is not at hand, and is to open the store no more.",
)
@_cost_options
@json_option
def rekey(*, master: bool, dropped: tuple[str, ...], as_json: bool, **cost: int) -> None:
    """Wrap the master key anew, or put another one in its place, while the daemon runs.

    Without --master each way that is at hand wraps the master key anew, and a guess of the
    passphrase never becomes cheaper. With --master every record is sealed anew, page by page;
    what was begun and not ended goes on when this is run again. The daemon takes up the new key
    by itself, where it finds what opens the store without asking anybody; else it ends with exit
    code 76, and opens it when it is started again. Backups open as they did when they were made.
    """
    if dropped and not master:
        raise click.UsageError("--drop goes with --master; `watchtower vault remove` drops a way")
    loaded = settings_of_keys()
    if master:
        report, text = run_async(_rekey_master(loaded, dropped, _cost(**cost)))
    else:
        report, text = run_async(_rewrap(loaded, _cost(**cost)))
    tell({"store": loaded.store, **report}, text, as_json=as_json)


def _described(slot: Slot, way: Way | None) -> tuple[dict[str, Any], str]:
    place, at_hand = ("", False) if way is None else (way.place, way.is_at_hand)
    report: dict[str, Any] = {"way": slot.kind, "place": place, "at_hand": at_hand}
    text = f"{slot.kind}: {place}{'' if at_hand else ', not at hand'}"
    if (cost := cost_of(slot)) is not None:
        report |= {"memory_kib": cost.memory_kib, "passes": cost.passes, "lanes": cost.lanes}
        text += (
            f"; a guess costs {cost.memory_kib} KiB of memory, {cost.passes} passes, "
            f"{cost.lanes} lanes"
        )
    if (told := label_of(slot)) is not None:
        report |= {"token": told[0], "label": told[1]}
        text += f"; opened by the key {told[1]} of the token {told[0]}"
    return report, text


def _new_way(
    loaded: _Loaded, kind: str, file: Path | None, label: str, cost: Cost
) -> tuple[Way, Path | None]:
    """Return a way that is to be added, and the file that was made for it, if one was."""
    if kind == PASSPHRASE:
        return ByWord(cache(new_passphrase), cost), None
    if kind == HSM:
        return ByToken(hsm(loaded) if isinstance(loaded, Settings) else None, label), None
    way = way_in(loaded).ways[kind]
    if file is not None:
        way = KeyInFile(kind, file.absolute(), place=f"the key in {file}", is_guarded=False)
    path = way.path if isinstance(way, KeyInFile) else None
    if path is None:
        why = f"no file is named for the way {kind!r}: name one with --file"
        raise ConfigError(path=loaded.store, why=why)
    if way.is_at_hand:
        return way, None
    make_key_file(path)
    return way, path


async def _add(loaded: _Loaded, kind: str, way: Way) -> None:
    async with await _opened(loaded) as store:
        before = await store.slots()
        if any(slot.kind == kind for slot in before):
            why = f"it opens by {kind} already; run `watchtower vault remove {kind}` first"
            raise ConfigError(path=loaded.store, why=why)

        async def make(master: bytes) -> list[Slot]:
            return [*before, await _tried(store.path, way, master, None)]

        await store.replace_slots(make, known=before)
        await _note(store, "store_way_added", {"way": kind})


async def _remove(loaded: _Loaded, kind: str) -> list[str]:
    ways = _ways(loaded)
    async with await _opened(loaded, ways) as store:
        before = await store.slots()
        left = [slot for slot in before if slot.kind != kind]
        if len(left) == len(before):
            raise ConfigError(path=loaded.store, why=f"it does not open by {kind}, as it is")
        if not left:
            why = f"it opens by {kind} alone, and so nothing would open it any more; add another"
            raise ConfigError(path=loaded.store, why=why)

        async def make(master: bytes) -> list[Slot]:
            _same(store.path, await ways.open(store.path, left, FORMAT), master)
            return left

        await store.replace_slots(make, known=before)
        await _note(store, "store_way_removed", {"way": kind})
        return [slot.kind for slot in left]


async def _rewrap(loaded: _Loaded, cost: Cost) -> tuple[dict[str, Any], str]:
    ways, anew, kept = _ways(loaded, cost), list[str](), list[str]()
    async with await _opened(loaded, ways) as store:
        before = await store.slots()

        async def make(master: bytes) -> list[Slot]:
            made = []
            for slot in before:
                way = ways.ways.get(slot.kind)
                if way is None or await _trouble(store.path, way, slot) is not None:
                    kept.append(slot.kind)
                    made.append(slot)
                    continue
                anew.append(slot.kind)
                made.append(await _tried(store.path, way, master, slot))
            return made

        await store.replace_slots(make, known=before)
        await _note(store, "store_rewrapped", {"ways": anew})
    text = f"Wrapped the master key of {loaded.store} anew: {', '.join(anew)}."
    if kept:
        text += f" Not at hand, and as before: {', '.join(kept)}."
    return {"wrapped": anew, "kept": kept}, text


async def _rekey_master(
    loaded: _Loaded, dropped: Sequence[str], cost: Cost
) -> tuple[dict[str, Any], str]:
    ways = _ways(loaded, cost)
    async with await _opened(loaded, ways) as store:
        # As much as redeeming may need is left to the daemon, whatever it has of it by now.
        spare = loaded.space.reserve_bytes if isinstance(loaded, Settings) else 0
        rekeying = store.rekeying(spare=spare)
        resumed = await rekeying.is_under_way()
        if not resumed:
            kept = [slot for slot in await store.slots() if slot.kind not in dropped]
            await _refuse_missing(store.path, ways, kept)

            async def make(master: bytes) -> list[Slot]:
                return [
                    await _tried(store.path, ways.ways[slot.kind], master, slot) for slot in kept
                ]

            await rekeying.begin(make)
        moved = await rekeying.move()
        await rekeying.end()
        left = [slot.kind for slot in await store.slots()]
    went_on = "Went on, and gave" if resumed else "Gave"
    text = (
        f"{went_on} {loaded.store} another master key: sealed {moved} records anew. "
        f"It opens by {', '.join(left)}. Backups from before have the old master key: destroy "
        "those whose ways in somebody may know."
    )
    return {"records": moved, "resumed": resumed, "ways": left}, text


async def _refuse_missing(path: Path, ways: AnyWayIn, slots: Sequence[Slot]) -> None:
    if not slots:
        why = "nothing would open it any more, if all its ways were dropped"
        raise ConfigError(path=path, why=why)
    for slot in slots:
        way = ways.ways.get(slot.kind)
        trouble = None if way is None else await _trouble(path, way, slot)
        if way is None or trouble is not None:
            why = (
                f"every way in has to wrap the new master key, and {slot.kind} is not at hand "
                f"({str(trouble).rstrip('.')}); bring it, or do without it by --drop {slot.kind}"
            )
            raise WayInError(path=path, why=why)


async def _trouble(path: Path, way: Way, slot: Slot) -> WatchtowerError | None:
    """Return why a way does not open its slot; None if it does."""
    try:
        await way.open(path, slot, FORMAT)
    except WatchtowerError as trouble:
        return trouble
    return None


async def _tried(path: Path, way: Way, master: bytes, like: Slot | None) -> Slot:
    """Return a slot that a way has made, and opened again."""
    made = await way.make(path, master, FORMAT, like)
    _same(path, await way.open(path, made, FORMAT), master)
    return made


def _same(path: Path, opened: bytes, master: bytes) -> None:
    if not compare_digest(opened, master):
        raise WayInError(path=path, why="what comes out of a way is not what was put in")


def _ways(loaded: _Loaded, cost: Cost = DEFAULT_COST) -> AnyWayIn:
    """Return every way in, for one command: a person is asked for the passphrase once."""
    known = way_in(loaded, word=cache(passphrase))
    word = known.ways[PASSPHRASE]
    if isinstance(word, ByWord):
        word.cost = dearer(cost, DEFAULT_COST)
    return known


async def _opened(loaded: _Loaded, ways: AnyWayIn | None = None) -> Store:
    return await Store.open(Path(loaded.store), ways or _ways(loaded))


async def _note(store: Store, kind: str, facts: dict[str, object]) -> None:
    async with store.write() as work:
        await work.journal.append(kind, facts=facts)
