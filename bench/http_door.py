"""The door over HTTP, in a process of its own: ``python -m bench.http_door SOCKET KEYS``.

It knows the channels of `bench.intake.Flow`, and says on standard output when it listens.
"""

from __future__ import annotations

import asyncio
import sys
from contextlib import suppress
from typing import Any, cast

from bench.intake import Flow
from watchtower.access.gate import Gate
from watchtower.interfaces.http.app import make_app
from watchtower.interfaces.http.serve import listening, serve
from watchtower.places import Place

__all__ = ["main"]


def main(path: str, keys: str) -> None:
    """Serve until standard input ends."""
    with (
        Flow(ed25519=keys == "ed25519").opened() as flow,
        listening(Place(path=path)) as at,
        suppress(KeyboardInterrupt),
    ):
        flow.run(_serve(flow, at))


async def _serve(flow: Flow, at: Any) -> None:
    # Nobody asks anything but for claims.
    app = make_app(flow.door, cast("Any", None), cast("Any", None), Gate(is_required=False))
    serving = asyncio.create_task(serve(app, at))
    print("ready", flush=True)  # noqa: T201 - whoever started it waits for that
    await asyncio.to_thread(sys.stdin.read)
    serving.cancel()
    await asyncio.wait({serving})


if __name__ == "__main__":
    main(*sys.argv[1:])
