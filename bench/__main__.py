"""``python -m bench [NAME …]``: measures, prints a table, and last one line of JSON."""

from __future__ import annotations

import os
import platform

import click

from bench.measurements import MEASUREMENTS, chosen
from bench.report import Report, as_json, as_text
from bench.scale import Scale

__all__ = ["main"]


@click.command(
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="\b\nExamples:\n  scripts/bench\n  scripts/bench sandbox.start encode",
    help=f"Measure, and tell. Names: {', '.join(MEASUREMENTS)}; of no name, all.",
)
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option(
    "--channels",
    type=click.IntRange(min=1),
    default=Scale().channels,
    show_default=True,
    help="Channels of the large world.",
)
@click.option(
    "--rounds",
    type=click.IntRange(min=1),
    default=Scale().rounds,
    show_default=True,
    help="Times that things are compared.",
)
@click.option(
    "--leaving",
    type=click.IntRange(min=1),
    default=Scale().leaving,
    show_default=True,
    help="Channels that close at once.",
)
@click.option(
    "--missed",
    type=click.IntRange(min=10),
    default=Scale().missed,
    show_default=True,
    help="Transactions that are read from history.",
)
@click.option(
    "--reactions",
    type=click.IntRange(min=2),
    default=Scale().reactions,
    show_default=True,
    help="Close requests that come one at a time.",
)
@click.option(
    "--watched",
    type=click.IntRange(min=1),
    default=Scale().watched,
    show_default=True,
    help="Channels that a store brings back at a start.",
)
@click.option(
    "--lines",
    type=click.IntRange(min=1),
    default=Scale().lines,
    show_default=True,
    help="Lines of the journal that is pruned.",
)
def main(names: tuple[str, ...], **scale_of: int) -> None:
    """Measure what was asked for, one after the other, each told as soon as it is there."""
    try:
        todo = chosen(names)
    except KeyError as unknown:
        sentence = f"nothing is called {unknown}. There are {', '.join(MEASUREMENTS)}."
        raise click.BadParameter(sentence, param_hint="NAME") from None
    scale = Scale(**scale_of)
    click.echo(f"Python {platform.python_version()}, {os.cpu_count()} processors; {scale}")
    reports: list[Report] = []
    for name in todo:
        click.echo(f"\n{name}")
        reports.append(MEASUREMENTS[name](scale))
        click.echo(as_text(reports[-1]))
    click.echo()
    click.echo(as_json(reports))


if __name__ == "__main__":
    main()
