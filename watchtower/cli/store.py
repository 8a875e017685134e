"""``watchtower store``: whether the store is whole, and what can be done if it is not."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import click

from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import run_async, settings, way_in
from watchtower.errors import StoreTamperedError
from watchtower.settings import Settings
from watchtower.store.alone import alone
from watchtower.store.audit import Audit, Problem
from watchtower.store.database import Store
from watchtower.store.tables import CLOSED_CHANNELS

__all__ = ["store"]

_LOST: Final = (
    "not in the ledger any more: what the journal tells stays, and the record comes back by "
    "`watchtower backup restore` alone."
)


@click.group(cls=Listed)
def store() -> None:
    """The store: looking through all of it, and rebuilding what the ledger knows."""


@store.command(epilog=examples("watchtower store verify", "watchtower store verify --json"))
@json_option
def verify(*, as_json: bool) -> None:
    """Check every seal, every count, the journal's tree and the claims; nothing is changed.

    Names all that is wrong, and what of it `watchtower store rebuild` can do something about. Ends
    with exit code 24 if anything is. The daemon may run meanwhile.
    """
    loaded = settings()
    audit = run_async(_audit(loaded))
    tell(_report(audit), _text(audit), as_json=as_json)
    _refuse(loaded, audit.problems)


@store.command(epilog=examples("watchtower store rebuild"))
@json_option
def rebuild(*, as_json: bool) -> None:
    """Let go of broken records of channels, and make the indexes of the file anew.

    The daemon reads every open channel anew before it acts. A closed one is in no ledger any more:
    what the journal tells of it stays, and a restore of a backup brings its record back. If
    anything else is broken nothing is changed: claims, keys and the journal come back from a
    backup alone. Refused while the daemon runs.
    """
    loaded = settings()
    gone = run_async(_rebuild(loaded))
    text = (
        f"Let go of {sum(gone.values())} records of channels. Run `watchtower run`: it reads the "
        "channels from the ledger before it redeems anything."
    )
    if CLOSED_CHANNELS.name in gone:
        text += f"\nThose of closed channels ({gone[CLOSED_CHANNELS.name]}) are {_LOST}"
    if not gone:
        text = "Every record is whole; the indexes were made anew."
    tell({"gone": gone}, text, as_json=as_json)


async def _audit(loaded: Settings) -> Audit:
    # Without a look at its heads: that is another question, and may be written down.
    opening = Store.open(Path(loaded.store), way_in(loaded), must_be_whole=False)
    async with await opening as opened, opened.read() as work:
        return await work.auditor().look()


async def _rebuild(loaded: Settings) -> dict[str, int]:
    opening = Store.open(Path(loaded.store), way_in(loaded), must_be_whole=False)
    async with await opening as opened:
        with alone(opened.path):
            async with opened.write() as work:
                auditor = work.auditor()
                audit = await auditor.look()
                _refuse(loaded, [each for each in audit.problems if not each.is_rebuilt])
                gone = await auditor.rebuild()
                if gone:
                    await work.notes.put_in_recovery({"rebuilt": sorted(gone)})
                    await work.journal.append("store_rebuilt", facts={"gone": gone})
                return gone


def _refuse(loaded: Settings, problems: list[Problem]) -> None:
    if problems:
        tables = ", ".join(sorted({each.table for each in problems}))
        raise StoreTamperedError(path=loaded.store, what=f"something in {tables}")


def _report(audit: Audit) -> dict[str, Any]:
    return {
        "whole": not audit.problems,
        "records": audit.records,
        "lines": audit.frontier.size,
        "root": audit.frontier.root.hex(),
        "problems": [
            {
                "table": each.table,
                "what": each.what,
                "rebuilt": each.is_rebuilt,
                "lost": each.is_lost,
            }
            for each in audit.problems
        ],
        "attempts_without_outcome": [
            {
                "transaction": attempt.transaction,
                "channel": attempt.channel,
                "last_ledger": attempt.last_ledger,
            }
            for attempt in audit.open_attempts
        ],
    }


def _remedy(problem: Problem) -> str:
    """Return what a rebuild would do about it, in a sentence; nothing if nothing."""
    if not problem.is_rebuilt:
        return ""
    if problem.is_lost:
        return f" `watchtower store rebuild` lets go of it; it is {_LOST}"
    if problem.table == "sqlite":
        return " `watchtower store rebuild` makes it anew."
    return " `watchtower store rebuild` lets go of it, and the daemon reads it from the ledger."


def _text(audit: Audit) -> str:
    total, tree = sum(audit.records.values()), audit.frontier
    lines = [f"{total} records; the journal has had {tree.size} lines; root {tree.root.hex()}."]
    lines += [f"{each.table}: {each.what}.{_remedy(each)}" for each in audit.problems]
    if audit.open_attempts:
        lines.append(f"{len(audit.open_attempts)} attempts have no outcome yet.")
    if not audit.problems:
        lines.append("Every seal, every count and the tree are as they were written.")
    return "\n".join(lines)
