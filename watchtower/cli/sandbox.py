"""``watchtower sandbox``: a ledger in a box, in the foreground."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Final

import click

from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.sandbox_options import amendments_of, queue_of, seconds_of
from watchtower.sandbox.rules import Rules
from watchtower.sandbox.server import Clock, Sandbox

__all__ = ["sandbox"]

_LAST_PORT: Final = 65535


@click.command(
    epilog=examples(
        "watchtower sandbox --port 6006",
        "watchtower sandbox --clock fast     # 40 seconds of ledger time in each second",
        "watchtower sandbox --clock frozen   # only ledger_accept moves time",
        "watchtower sandbox --amendment fixCleanup3_2_0 --queue minimum_txn_in_ledger=10",
        "watchtower sandbox --servers 3 --seed 7   # three servers, whose luck can be repeated",
    )
)
@click.option(
    "--port",
    type=click.IntRange(0, _LAST_PORT),
    default=0,
    help="Where to listen; 0 takes a free one.",
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
@click.option(
    "--seed",
    type=click.IntRange(0, 2**64 - 1),
    default=0,
    show_default=True,
    help="Where all luck begins: the same seed, the same misbehaviour.",
)
@click.option(
    "--servers",
    type=click.IntRange(1, 16),
    default=1,
    show_default=True,
    help="How many servers tell of the ledger; with --port they take that port and those after it.",
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
    seed: int,
    servers: int,
    as_json: bool,
) -> None:
    """Run an XRP Ledger in a box until stopped (SIGTERM, SIGINT), on this machine only."""
    if close_every is not None and clock != Clock.WALL:
        sentence = f"the {clock} clock has a pace of its own. Use --clock wall."
        raise click.BadParameter(sentence, param_hint="--close-every")
    if close_time_resolution is not None and clock == Clock.FROZEN:
        sentence = "the frozen clock is exact. Use --clock wall or fast."
        raise click.BadParameter(sentence, param_hint="--close-time-resolution")
    if port + servers - 1 > _LAST_PORT:
        sentence = f"{servers} servers do not fit between {port} and {_LAST_PORT}."
        raise click.BadParameter(sentence, param_hint="--port")
    ports = [port + number if port else 0 for number in range(servers)]
    first = Sandbox(
        clock=Clock(clock),
        port=ports[0],
        rules=Rules(amendments=amendments_of(amendments)),
        queue=queue_of(settings),
        close_every=seconds_of(close_every),
        close_time_resolution=int(close_time_resolution) if close_time_resolution else None,
        throttle=throttle,
        seed=seed,
    )
    others = [Sandbox(beside=first, port=each, throttle=throttle) for each in ports[1:]]
    boxes = dict(zip([first, *others], ports, strict=True))
    asyncio.run(_serve(boxes, clock, as_json=as_json))


async def _serve(boxes: Mapping[Sandbox, int], clock: str, *, as_json: bool) -> None:
    """Run the servers, each on its port, until a signal comes."""
    stopped = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stopped.set)
    async with AsyncExitStack() as stack:
        for box, port in boxes.items():
            await _listen(box, port, stack)
        urls = [box.url for box in boxes]
        ready = {"url": urls[0], "urls": urls, "clock": clock}
        tell(ready, f"sandbox ready {' '.join(urls)}", as_json=as_json)
        await stopped.wait()


async def _listen(box: Sandbox, port: int, stack: AsyncExitStack) -> None:
    """Let a server listen until the stack ends.

    Raises:
        click.BadParameter: it cannot.
    """
    try:
        await stack.enter_async_context(box)
    except OSError as error:
        why = os.strerror(error.errno) if error.errno else str(error)
        sentence = f"cannot listen on {port}: {why}. Choose another port, or 0 for a free one."
        raise click.BadParameter(sentence, param_hint="--port") from error
