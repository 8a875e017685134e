"""``watchtower sandbox``: a ledger in a box, in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.sandbox_options import amendments_of, queue_of, seconds_of
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.server import Clock, Sandbox

__all__ = ["sandbox"]


@click.command(
    epilog=examples(
        "watchtower sandbox --port 6006",
        "watchtower sandbox --clock fast     # 40 seconds of ledger time in each second",
        "watchtower sandbox --clock frozen   # only ledger_accept moves time",
        "watchtower sandbox --amendment fixCleanup3_2_0 --queue minimum_txn_in_ledger=10",
    )
)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=0, help="Where to listen; 0 takes a free one."
)
@click.option(
    "--clock",
    type=click.Choice([clock.value for clock in Clock]),
    default=Clock.WALL.value,
    show_default=True,
    help="How time passes: by the host's clock, forty times as fast, or only on command.",
)
@click.option(
    "--close-every",
    metavar="SECONDS",
    help="Seconds between ledgers of the host's clock; 4 if not given.",
)
@click.option(
    "--close-time-resolution",
    type=click.Choice(["10", "20", "30", "60", "90", "120"]),
    help="Seconds to round close times to, as validators do; exact if not given.",
)
@click.option(
    "--queue",
    "settings",
    metavar="KEY=N",
    multiple=True,
    help="A setting of the server's [transaction_queue]. Can be given more than once.",
)
@click.option(
    "--amendment",
    "amendments",
    metavar="NAME",
    multiple=True,
    help="An amendment to enable beside those always on. Can be given more than once.",
)
@click.option(
    "--throttle",
    is_flag=True,
    help="Warn a connection that asks too much, then drop it, as public servers do.",
)
@json_option
def sandbox(
    *,
    port: int,
    clock: str,
    close_every: str | None,
    close_time_resolution: str | None,
    settings: tuple[str, ...],
    amendments: tuple[str, ...],
    throttle: bool,
    as_json: bool,
) -> None:
    """Run an XRP Ledger in a box until stopped (SIGTERM, SIGINT), on this machine only."""
    if close_every is not None and clock != Clock.WALL:
        sentence = f"the {clock} clock has a pace of its own. Use --clock wall."
        raise click.BadParameter(sentence, param_hint="--close-every")
    if close_time_resolution is not None and clock == Clock.FROZEN:
        sentence = "the frozen clock is exact. Use --clock wall or fast."
        raise click.BadParameter(sentence, param_hint="--close-time-resolution")
    box = Sandbox(
        clock=Clock(clock),
        port=port,
        rules=Rules(amendments=amendments_of(amendments)),
        queue=queue_of(settings),
        close_every=seconds_of(close_every),
        close_time_resolution=int(close_time_resolution) if close_time_resolution else None,
        throttle=throttle,
    )
    try:
        asyncio.run(_serve(box, clock, as_json=as_json))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        sentence = f"cannot listen on {port}: {why}. Choose another port, or 0 for a free one."
        raise click.BadParameter(sentence, param_hint="--port") from error


async def _serve(box: Sandbox, clock: str, *, as_json: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with box:
        tell({"url": box.url, "clock": clock}, f"sandbox ready {box.url}", as_json=as_json)
        await stopped.wait()
