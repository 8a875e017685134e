"""``watchtower drill``: a fire drill, its canary, and the service level that drills add up to."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, TypeVar

import click
import msgspec

from watchtower.cli.asking import ask_seed
from watchtower.cli.drilling import drill_by_the_daemon
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.drill.level import NOTE, Level, levels_of, with_drill
from watchtower.errors import DrillFailedError, PassphraseMissingError
from watchtower.keys.canary import Canary, make_canary
from watchtower.logs import configure
from watchtower.settings import DrillSettings, Settings, config_path
from watchtower.store.database import Store
from watchtower.units import Drops, format_drops

__all__ = ["drill"]

Command = TypeVar("Command", bound=Any)

_TABLES: Final = ("policy", "fees", "tickets")
"""What of the operator's configuration holds in a box, too."""

_PLAIN: Final = DrillSettings()
_DAY: Final = 86_400


def _places(command: Command) -> Command:
    """Give a command the options that say where to drill."""
    for option in (
        json_option,
        click.option("--fast", is_flag=True, help="With --sandbox: hasten its ledgers; not kept."),
        click.option("--network", is_flag=True, help="By the running daemon, on its network."),
        click.option(
            "--sandbox", is_flag=True, help="On an embedded ledger, by a daemon of its own."
        ),
    ):
        command = option(command)
    return command


@click.group(
    cls=Listed,
    invoke_without_command=True,
    epilog=examples("watchtower drill                      # as `watchtower drill run`"),
)
@_places
@click.pass_context
def drill(context: click.Context, /, **options: Any) -> None:
    """Fire drills: a canary channel is closed on purpose, and how soon it is paid is measured."""
    if context.invoked_subcommand is None:
        _run(**options)


@drill.command(
    epilog=examples(
        "watchtower drill run --sandbox             # needs nothing, takes a minute",
        "watchtower drill run --network             # by the running daemon, with real ledgers",
        "watchtower drill run --sandbox --fast --json",
    )
)
@_places
def run(**options: Any) -> None:
    """Open a canary channel, ask to close it, and measure until its balance says paid.

    With neither --sandbox nor --network it is on the network if `drill.payer` is set. Ends with
    exit code 99 if the canary was not paid in time, and says which step was late.
    """
    _run(**options)


def _run(*, sandbox: bool, network: bool, fast: bool, as_json: bool) -> None:
    if sandbox and network:
        raise click.UsageError("take one of --sandbox and --network")
    if fast and network:
        raise click.UsageError("--fast hastens an embedded ledger; a network has its own pace")
    loaded = None
    if network or config_path(os.environ).exists():
        loaded = settings()
    else:
        configure(level="error")
    is_on_network = network or not (sandbox or fast or loaded is None or not loaded.drill.payer)
    if is_on_network and loaded is not None:
        record = run_async(drill_by_the_daemon(loaded))
    else:
        is_kept = loaded is not None and not fast and Path(loaded.store).exists()
        record = run_async(_in_a_box(loaded, fast=fast, is_kept=is_kept))
    tell(record, _sentence(record), as_json=as_json)
    if not record["paid"]:
        raise DrillFailedError(why=record["why"])


async def _in_a_box(loaded: Settings | None, *, fast: bool, is_kept: bool) -> Mapping[str, Any]:
    """Drill on an embedded ledger, and keep the record where there is a store."""
    # A daemon beside this one has no use for a ledger in a box.
    from watchtower.drill.box import drill_in_a_box  # noqa: PLC0415

    async with AsyncExitStack() as stack:
        store: Store | None = None
        if loaded is not None and is_kept:
            try:
                store = await stack.enter_async_context(open_store(loaded))
            except PassphraseMissingError as missing:
                click.echo(f"{missing} The drill is made, and not kept.", err=True)
        tables = {} if loaded is None else {name: getattr(loaded, name) for name in _TABLES}
        record = await drill_in_a_box(tables, _fitting(loaded), fast=fast)
        if store is not None:
            async with store.write() as work:
                before = await work.notes.get(NOTE) or []
                await work.notes.put(NOTE, with_drill(before, record))
    return record


def _fitting(loaded: Settings | None) -> DrillSettings:
    """Return the settings of a drill that the operator's policy promises something for."""
    if loaded is None:
        return _PLAIN
    chosen, policy = loaded.drill, loaded.policy
    most = policy.exposure_limit_drops - 1 if policy.exposure_limit_drops else chosen.amount_drops
    window = max(chosen.settle_delay_seconds, policy.min_settle_delay_seconds)
    return msgspec.structs.replace(
        chosen, amount_drops=max(1, min(chosen.amount_drops, most)), settle_delay_seconds=window
    )


def _sentence(record: Mapping[str, Any]) -> str:
    where = {
        "sandbox": "on an embedded ledger",
        "network": f"on network {record['network_id']}",
    }[record["place"]]
    amount = format_drops(Drops(int(record["amount_drops"])))
    if not record["paid"]:
        return f"Drill {where}: {amount} were not paid within {record['seconds']:g} s."
    share = 100 * record["seconds"] / record["window_seconds"]
    steps = ", ".join(
        f"{name} after {record[f'{name}_seconds']:.1f} s"
        for name in ("requested", "seen", "submitted")
        if record[f"{name}_seconds"] is not None
    )
    ledgers = f"{record['ledgers']} ledger{'' if record['ledgers'] == 1 else 's'}"
    text = (
        f"Drill {where}: {amount} paid {record['seconds']:.1f} s after the request to close was "
        f"sent, {ledgers} after it was validated; {share:.1f} % of the window of "
        f"{record['window_seconds']} s. On the way: {steps}."
    )
    if record["place"] == "sandbox":
        text += "\nMost of that time is the pace of the embedded ledger, not the tower's."
    return text


@drill.command(epilog=examples("watchtower drill show", "watchtower drill show --json"))
@json_option
def show(*, as_json: bool) -> None:
    """Say what the drills of this store add up to: how many were paid, and how soon."""
    drills = run_async(_drills(settings()))
    last = drills[-1] if drills else None
    age = None if last is None else max(0, int(time.time()) - last["at"])
    levels = levels_of(drills)
    report = {
        "levels": msgspec.to_builtins(levels),
        "last": last,
        "last_age_seconds": age,
        "drills": len(drills),
    }
    tell(report, _text_of_levels(levels, last, age), as_json=as_json)


async def _drills(loaded: Settings) -> Sequence[Mapping[str, Any]]:
    async with open_store(loaded) as store, store.read() as work:
        drills: Sequence[Mapping[str, Any]] = await work.notes.get(NOTE) or ()
    return drills


def _text_of_levels(
    levels: Sequence[Level], last: Mapping[str, Any] | None, age: int | None
) -> str:
    if last is None or age is None:
        return "No drill was made yet. Make one with `watchtower drill`."
    lines = [_text_of_level(level) for level in levels]
    how = "was paid" if last["paid"] else f"FAILED: {last['why']}"
    lines.append(f"The last one, {age / _DAY:.1f} days ago on the {last['place']}, {how}.")
    return "\n".join(lines)


def _text_of_level(level: Level) -> str:
    text = f"{level.place}: {level.count} drills, {100 * level.paid_share:.1f} % paid"
    if level.p50_seconds is None:
        return f"{text}."
    text += (
        f"; from request to paid half within {level.p50_seconds:.1f} s, 95 % within "
        f"{level.p95_seconds:.1f} s, the slowest {level.max_seconds:.1f} s"
    )
    if level.max_share is not None:
        text += f" ({100 * level.max_share:.2f} % of its window)"
    return f"{text}."


@drill.command(
    epilog=examples(
        "watchtower drill setup                          # a random key, made here",
        "watchtower drill setup --seed-file canary.seed  # of an account of your own",
    )
)
@click.option("--seed-file", help="A file with the canary's seed, or - for standard input.")
@json_option
def setup(*, seed_file: str | None, as_json: bool) -> None:
    """Keep the key of the canary, the payer of drills; once made, say again which it is.

    It signs for drills and for nothing else. Without a seed file a random key is made that never
    leaves the store: what its account is sent can only be spent by drills, to your own payee.
    """
    loaded = settings()
    canary = run_async(_set_up(loaded, None if seed_file is None else ask_seed(seed_file)))
    report = {"payer": canary.address, "public_key": canary.public_key}
    lines = [
        f"The canary is {canary.address}. Send it the reserve of an account and of one channel,",
        "and some XRP to drill with, and put into the configuration:",
        "",
        "[drill]",
        f'payer = "{canary.address}"',
    ]
    tell(report, "\n".join(lines), as_json=as_json)


async def _set_up(loaded: Settings, seed: str | None) -> Canary:
    own = loaded.authority.own
    guarded = {*loaded.addresses, *(() if own is None else (own,))}
    async with open_store(loaded) as store:
        return await make_canary(store, seed, guarded)
