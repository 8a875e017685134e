"""``watchtower report``: what came in and what it cost over a period, for whoever keeps books."""

from __future__ import annotations

import csv
import io
import os
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import click
import msgspec

from watchtower.cli.output import examples, json_option
from watchtower.cli.period import edge_at, moment_of
from watchtower.cli.reckoning import COLUMNS, By, Edge, Heading, Period, Reckoning, Whose
from watchtower.cli.session import open_store, run_async, settings
from watchtower.errors import AnswerError, LedgerError
from watchtower.ledger.events import ChannelEntry
from watchtower.ledger.servers import Servers
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.units import DROPS_PER_XRP, LedgerIndex, RippleTime, format_time, ripple_time
from watchtower.wiring import link_settings

__all__ = ["csv_of", "report", "xrp_text"]

_PATIENCE: Final = 4.0

_PAGE: Final = 1_000
"""Lines of the journal that are in memory at once."""

_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
"""What makes a spreadsheet run a cell instead of showing it."""

_Row = tuple[Heading, Mapping[str, int]]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Found:
    """What the journal says of a period; ``is_over`` is whether it had ended by then."""

    period: Period
    rows: Sequence[_Row]
    pruned: int
    is_over: bool


@click.command(
    epilog=examples(
        "watchtower report --from 2026-11-01 --to 2026-12-01 > november.csv",
        "watchtower report --from 2026-01-01 --to 2027-01-01 --by payer --output 2026.csv",
        "watchtower report --from 2026-11-30T00:00:00Z --to 2026-11-30T12:00:00Z --json",
    )
)
@click.option("--from", "begin", required=True, help="The first day, or a time in UTC.")
@click.option("--to", "end", required=True, help="The day, or time, before which it ends.")
@click.option(
    "--by",
    type=click.Choice([by.value for by in By]),
    default=By.CHANNEL.value,
    show_default=True,
    help="What a row is about.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(["csv", "json"]),
    default="csv",
    show_default=True,
    help="How it is written; --json is the same as json.",
)
@click.option("--output", help="A new file for it; standard output if not given.")
@json_option
def report(*, begin: str, end: str, by: str, form: str, output: str | None, as_json: bool) -> None:
    """Sum up what was received, redeemed, paid in fees, lost and finalised, in drops and XRP.

    From --from up to --to, which is not part of it, in ledger time. It comes from the journal.
    """
    since, until = moment_of(begin, "--from"), moment_of(end, "--to")
    if since >= until:
        raise click.BadParameter("it is not after --from.", param_hint="--to")
    if output is not None and Path(output).exists():
        raise click.BadParameter(f"{output} is there already.", param_hint="--output")
    found = run_async(_reckon(settings(), since, until, By(by)))
    text = _json_of(found, by) if as_json or form == "json" else csv_of(found.rows)
    if output is None:
        sys.stdout.write(text)
        sys.stdout.flush()
    else:
        _write(Path(output), text)
    for sentence in _cautions(found):
        click.echo(sentence, err=True)


async def _reckon(loaded: Settings, since: int, until: int, by: By) -> _Found:
    async with open_store(loaded) as store:
        async with store.read() as work:
            last = max((each.number for each in await work.journal.tail(1)), default=0)
            whose = {
                each.entry.channel: _whose(loaded, each.entry)
                for each in await work.channels.load_all()
            }
        period, is_over = await _period(loaded, store, since, until)
        reckoning = Reckoning(period, by, whose)
        number = 0
        while number < last:
            async with store.read() as work:
                page = await work.journal.since(number, _PAGE)
            for each in page:
                if each.number <= last:
                    reckoning.take(each.entry)
            number = page[-1].number if page else last
    return _Found(period=period, rows=reckoning.rows(), pruned=reckoning.pruned, is_over=is_over)


def _whose(loaded: Settings, entry: ChannelEntry) -> Whose:
    is_payee, is_payer = entry.destination in loaded.payees, entry.source in loaded.payers
    role = "both" if is_payee and is_payer else "payer" if is_payer else "payee"
    return Whose(payer=entry.source, payee=entry.destination, role=role)


async def _period(loaded: Settings, store: Store, since: int, until: int) -> tuple[Period, bool]:
    """Return the period by close times of ledgers, and whether it is over.

    Where nobody tells them the host's clock decides.
    """
    edges = (Edge(unix=since), Edge(unix=until))
    is_over = until <= time.time()
    if (first := await _first_ledger(store)) is None:
        return Period(begin=edges[0], end=edges[1]), is_over
    links = link_settings(loaded)
    try:
        async with Servers.connected(
            loaded.servers, _PATIENCE, network_id=store.network, settings=links
        ) as servers:
            newest, newest_close = await _closed(servers, "validated")
            is_over = ripple_time(until) <= newest_close

            async def close_time_of(ledger: LedgerIndex) -> RippleTime:
                return (await _closed(servers, ledger))[1]

            begin, end = [
                await edge_at(
                    each.unix,
                    first=min(first, newest),
                    newest=newest,
                    close_time_of=close_time_of,
                )
                for each in edges
            ]
    except LedgerError as nobody:
        why = "so the host's clock says to which period a line belongs"
        click.echo(f"Close times of ledgers are not known, {why}. {nobody}", err=True)
        begin, end = edges
    return Period(begin=begin, end=end), is_over


async def _first_ledger(store: Store) -> LedgerIndex | None:
    """Return the ledger of the first line that tells of one."""
    number = 0
    while True:
        async with store.read() as work:
            page = await work.journal.since(number, _PAGE)
        if not page:
            return None
        for each in page:
            if each.entry.ledger_index is not None:
                return each.entry.ledger_index
        number = page[-1].number


async def _closed(servers: Servers, which: LedgerIndex | str) -> tuple[LedgerIndex, RippleTime]:
    """Return the index and the close time of a validated ledger."""
    result = await servers.ask("ledger", ledger_index=which)
    ledger, index = result.get("ledger"), result.get("ledger_index")
    close_time = ledger.get("close_time") if isinstance(ledger, Mapping) else None
    if not isinstance(close_time, int) or not isinstance(index, int):
        raise AnswerError(server="A server", command="ledger", why="it has no close time")
    return LedgerIndex(index), RippleTime(close_time)


def csv_of(rows: Sequence[_Row]) -> str:
    """Return rows as CSV (RFC 4180), safe to open in a spreadsheet."""
    text = io.StringIO()
    written = csv.writer(text, lineterminator="\r\n")
    headings = [*Heading.__dataclass_fields__]
    amounts = [f"{column}_{unit}" for column in COLUMNS for unit in ("drops", "xrp")]
    written.writerow([*headings, *amounts])
    for heading, sums in rows:
        told = _amounts(sums)
        words = [_cell(str(getattr(heading, name))) for name in headings]
        written.writerow([*words, *(told[name] for name in amounts)])
    return text.getvalue()


def _cell(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _json_of(found: _Found, by: str) -> str:
    period = found.period
    totals: dict[str, dict[str, int]] = {}
    for heading, sums in found.rows:
        total = totals.setdefault(heading.role, dict.fromkeys(COLUMNS, 0))
        for column in COLUMNS:
            total[column] += sums[column]
    told = {
        "from": _time(period.begin),
        "to": _time(period.end),
        "from_ledger": period.begin.ledger,
        "to_ledger": period.end.ledger,
        "by": by,
        "pruned": found.pruned,
        "complete": found.is_over,
        "rows": [{**asdict(heading), **_amounts(sums)} for heading, sums in found.rows],
        "totals": [{"role": role, **_amounts(sums)} for role, sums in sorted(totals.items())],
    }
    return msgspec.json.encode(told).decode() + "\n"


def _time(edge: Edge) -> str:
    return format_time(ripple_time(edge.unix))


def _amounts(sums: Mapping[str, int]) -> dict[str, str]:
    return {
        name: text
        for column in COLUMNS
        for name, text in (
            (f"{column}_drops", str(sums[column])),
            (f"{column}_xrp", xrp_text(sums[column])),
        )
    }


def xrp_text(drops: int) -> str:
    """Return drops as XRP with six decimals, exactly."""
    whole, rest = divmod(abs(drops), DROPS_PER_XRP)
    return f"{'-' if drops < 0 else ''}{whole}.{rest:06}"


def _write(path: Path, text: str) -> None:
    """Write a new file, for its owner only.

    Raises:
        click.BadParameter: it cannot be written.
    """
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "w", encoding="utf-8", newline="") as file:
            file.write(text)
    except OSError as problem:
        sentence = f"{path} cannot be written ({problem.strerror})."
        raise click.BadParameter(sentence, param_hint="--output") from problem


def _cautions(found: _Found) -> Iterator[str]:
    if not found.is_over:
        yield (
            f"The period is not over: it ends at {_time(found.period.end)}, and the sums are those "
            "up to now. Report again once it is."
        )
    if found.pruned:
        yield (
            f"The journal has lost {found.pruned:,} lines by its retention (`journal.keep_days`): "
            "what they told of channels that are long gone is not in the sums."
        )
