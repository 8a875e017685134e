"""Play scenarios against a server, and say how far it conforms to the recordings.

Without ``--url`` each scenario is played on a sandbox of its own. Another server is held to the
same recordings with ``--url`` and a ``--restart`` command that brings it back to a fresh ledger.
"""

from __future__ import annotations

import argparse
import asyncio
import shlex
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from tests.conformance.comparison import Difference, compare, read_frames
from tests.conformance.scenarios import SCENARIOS, Scenario
from tests.conformance.stage import opened
from watchtower.sandbox.server import Clock, Sandbox

__all__ = ["RECORDINGS", "main", "play"]

RECORDINGS: Final = Path(__file__).parent.parent / "data" / "recordings"
_SHOWN: Final = 3
_PLACES_SHOWN: Final = 4


async def play(
    name: str, scenario: Scenario, url: str | None = None
) -> tuple[int, list[Difference]]:
    """Play one scenario; return how many messages were compared, and those that differ."""
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        path = Path(folder) / f"{name}.jsonl"
        async with _server(scenario, url) as at, opened(at) as stage:
            await scenario.play(stage)
        stage.tape.save(path)
        reference, other = read_frames(RECORDINGS / f"{name}.jsonl"), read_frames(path)
    return max(len(reference), len(other)), compare(reference, other)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what was asked for, print a line a scenario and the sum; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"one of {', '.join(SCENARIOS)}")
    parser.add_argument("--url", help="hold this server to the recordings instead of the sandbox")
    parser.add_argument("--restart", help="a command that gives --url's server a fresh ledger")
    asked = parser.parse_args(arguments)
    unknown = [name for name in asked.scenario if name not in SCENARIOS]
    if unknown:
        parser.error(f"there is no scenario {', '.join(unknown)}")
    if (asked.url is None) != (asked.restart is None):
        parser.error("--url and --restart go together: each scenario begins on a fresh ledger")
    return asyncio.run(_play_all(asked.scenario or list(SCENARIOS), asked.url, asked.restart))


async def _play_all(names: Sequence[str], url: str | None, restart: str | None) -> int:
    same = different = 0
    for name in names:
        if restart is not None:
            process = await asyncio.create_subprocess_exec(*shlex.split(restart))
            await process.wait()
        messages, differences = await play(name, SCENARIOS[name], url)
        print(f"{name}: {messages} messages, {len(differences)} different", flush=True)
        for difference in differences[:_SHOWN]:
            places = "; ".join(difference.places[:_PLACES_SHOWN])
            print(f"    {difference.number} {difference.direction} {places}")
        same += messages - len(differences)
        different += len(differences)
    print(f"{same} same, {different} different")
    return 1 if different else 0


@asynccontextmanager
async def _server(scenario: Scenario, url: str | None) -> AsyncIterator[str]:
    if url is not None:
        yield url
        return
    async with Sandbox(clock=Clock.FROZEN, port=0, rules=scenario.rules) as sandbox:
        yield sandbox.url


if __name__ == "__main__":
    sys.exit(main())
