"""``scripts/simulate``: live through many worlds, and say what could have been saved and was not.

The last line is JSON. The exit code is 1 if anything was lost that could have been saved, or if
the tower's books are wrong; the first such world is then told from its beginning.
"""

from __future__ import annotations

import json
import sys
from typing import Final

import click

from simulation.draw import KINDS
from simulation.many import Told, judge_all, tell
from simulation.planted import PLANTED, sentence_of
from simulation.tally import Tally, Verdict

_EVERY: Final = 500
_SHOWN: Final = 20


@click.command()
@click.option("--runs", default=300, show_default=True, help="How many worlds.")
@click.option("--seed", default=0, show_default=True, help="The first world's number.")
@click.option("--kind", type=click.Choice(list(KINDS)), help="Worlds of one kind only.")
@click.option("--jobs", type=int, help="Processes; as many as there are cores if not given.")
@click.option(
    "--planted",
    type=click.Choice(["all", *PLANTED]),
    help="Put a bug into the tower, and say in how many worlds it was found; `all` for each.",
)
@click.option("--timeline", is_flag=True, help="Tell the first world from its beginning.")
def simulate(
    *, runs: int, seed: int, kind: str | None, jobs: int | None, planted: str | None, timeline: bool
) -> None:
    """Run the whole daemon in hostile worlds, each made from one number."""
    if timeline:
        sys.exit(_tell(seed, Told(kind=kind, bug=planted)))
    if planted == "all":
        for bug in PLANTED:
            caught = _look_for(bug, range(seed, seed + runs), kind, jobs)
            click.echo(f"| {sentence_of(bug)} | {caught[0]} | {caught[1]} | {caught[2]} |")
        return
    tally = Tally()
    for verdict in judge_all(range(seed, seed + runs), Told(kind=kind, bug=planted), jobs=jobs):
        tally.add(verdict)
        if not verdict.is_good and len(tally.bad) <= _SHOWN:
            _show(verdict)
        if tally.runs % _EVERY == 0:
            click.echo(f"{tally.runs} worlds, {len(tally.bad)} of them bad", err=True)
    if tally.bad and planted is None:
        click.echo(f"\nThe world {tally.bad[0].seed} from its beginning:")
        _tell(tally.bad[0].seed, Told(kind=kind))
    click.echo(json.dumps(tally.report()))
    sys.exit(1 if tally.bad else 0)


def _show(verdict: Verdict) -> None:
    click.echo(f"world {verdict.seed} ({verdict.kind}):")
    for sentence in verdict.wrong[:_SHOWN]:
        click.echo(f"    {sentence}")
    if len(verdict.wrong) > _SHOWN:
        click.echo(f"    and {len(verdict.wrong) - _SHOWN} more")


def _tell(seed: int, told: Told) -> int:
    verdict, lines = tell(seed, told)
    for line in lines:
        click.echo(line)
    _show(verdict)
    return 0 if verdict.is_good else 1


def _look_for(
    bug: str, seeds: range, kind: str | None, jobs: int | None
) -> tuple[int, int, int | None]:
    """Return in how many worlds a bug costs money, spoils the books, and the first such world."""
    tally = Tally()
    for verdict in judge_all(seeds, Told(kind=kind, bug=bug), jobs=jobs):
        tally.add(verdict)
    losing = sum(1 for verdict in tally.bad if verdict.avoidable)
    first = tally.bad[0].seed if tally.bad else None
    return losing, len(tally.bad) - losing, first


if __name__ == "__main__":
    simulate()
