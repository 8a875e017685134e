"""``watchtower sandbox``: a ledger in a box, in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.sandbox.server import Clock, Sandbox

__all__ = ["sandbox"]


@click.command(
    epilog=examples(
        "watchtower sandbox --port 6006",
        "watchtower sandbox --clock fast     # 40 seconds of ledger time in each second",
        "watchtower sandbox --clock frozen   # only ledger_accept moves time",
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
@json_option
def sandbox(*, port: int, clock: str, as_json: bool) -> None:
    """Run an XRP Ledger in a box until stopped (SIGTERM, SIGINT), on this machine only."""
    try:
        asyncio.run(_serve(port, Clock(clock), as_json=as_json))
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        sentence = f"cannot listen on {port}: {why}. Choose another port, or 0 for a free one."
        raise click.BadParameter(sentence, param_hint="--port") from error


async def _serve(port: int, clock: Clock, *, as_json: bool) -> None:
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with Sandbox(clock=clock, port=port) as box:
        tell({"url": box.url, "clock": clock.value}, f"sandbox ready {box.url}", as_json=as_json)
        await stopped.wait()
