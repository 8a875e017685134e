"""Whether looking slows acting: reactions while somebody searches all channels, and without.

One daemon does both, in turns: a search holds up others only while it is made, and whatever else
the machine does falls on both.
"""

from __future__ import annotations

import socket
from contextlib import AsyncExitStack, closing
from itertools import islice
from typing import Final

from bench.reaction import WARM, compared, in_silence, post
from bench.report import Report, reading
from bench.scale import Scale
from bench.searching import searching
from bench.wire import Reaction
from watchtower.http_settings import HttpSettings

__all__ = ["measure"]

_ROUNDS: Final = 6


def measure(scale: Scale) -> Report:
    """From the close request's arrival to the submission's leaving, searched and not."""
    return in_silence(_react(scale))


async def _react(scale: Scale) -> Report:
    rounds = min(_ROUNDS, scale.reactions)
    many = min(scale.reactions, scale.channels) // rounds
    found: dict[str, list[Reaction]] = {"calm": [], "searched": []}
    took: list[float] = []
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    guarded = scale.channels + WARM + 2 * rounds * many
    async with post(guarded, http=HttpSettings(listen=f"127.0.0.1:{port}")) as station:
        units = iter(station.world.units)
        for unit in islice(units, WARM):
            await station.react(unit)
        # Between two reactions nothing rests while somebody searches.
        station.is_busy = True
        for number in range(rounds):
            for name in reversed(list(found)) if number % 2 else found:
                async with AsyncExitStack() as stack:
                    if name == "searched":
                        await stack.enter_async_context(searching(port, took))
                    found[name] += [await station.react(unit) for unit in islice(units, many)]
    return Report(
        readings=[
            *compared("react.searched", found["searched"], found["calm"]),
            reading("react.searched.search_ms", "ms", [seconds * 1000 for seconds in took]),
        ],
        where=f"{len(took)} searches of {guarded:,} channels were made beside the reactions.",
    )
