"""Play scenarios against a server, and say how far it conforms to the recordings.

Without ``--url`` each scenario is played on a sandbox of its own. Any other server is held to the
same recordings with ``--url``, and a ``--restart`` command that brings it back to a fresh ledger;
two of the scenarios need a server with settings, which ``scenarios.py`` names.

A scenario that a server's answers break off goes no further: what it did not come to is missing,
and the next scenario is played.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
import tempfile
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from websockets.exceptions import WebSocketException

from tests.conformance.comparison import Difference, compare, read_frames
from tests.conformance.scenarios import SCENARIOS, Scenario
from tests.conformance.stage import Stage, Tape, opened
from watchtower.sandbox.server import Clock, Sandbox

__all__ = ["RECORDINGS", "main", "play"]

RECORDINGS: Final = Path(__file__).parent.parent / "data" / "recordings"

_DIFFERENT: Final = 1
_WRONG_CALL: Final = 2
_SHOWN: Final = 3
_PLACES_SHOWN: Final = 4
_MOMENT_OF_A_SERVER: Final = 0.02
"""Seconds that a real server was given to publish a ledger when the recordings were made."""


async def play(
    name: str, scenario: Scenario, url: str | None = None
) -> tuple[int, list[Difference]]:
    """Play one scenario; return how many messages were compared, and those that differ.

    Raises:
        OSError: there is no server at ``url``.
        WebSocketException: what is there speaks something else.
    """
    tape = Tape()
    moment = 0.0 if url is None else _MOMENT_OF_A_SERVER
    async with _server(scenario, url) as at, opened(at, tape, moment=moment) as stage:
        await _play_to_its_end(scenario, stage)
    with tempfile.TemporaryDirectory(prefix="conformance-") as folder:
        path = Path(folder) / f"{name}.jsonl"
        tape.save(path)
        reference, other = read_frames(RECORDINGS / f"{name}.jsonl"), read_frames(path)
    return max(len(reference), len(other)), compare(reference, other)


def main(arguments: Sequence[str] | None = None) -> int:
    """Play what was asked for, print a line a scenario and the sum; return the exit code."""
    parser = argparse.ArgumentParser(prog="scripts/conformance", description=__doc__)
    parser.add_argument("scenario", nargs="*", help=f"one of {', '.join(SCENARIOS)}")
    parser.add_argument("--url", help="hold this server to the recordings instead of the sandbox")
    parser.add_argument(
        "--restart", help="run before each scenario: a command that gives --url a fresh ledger"
    )
    asked = parser.parse_args(arguments)
    names = asked.scenario or list(SCENARIOS)
    if unknown := [name for name in names if name not in SCENARIOS]:
        parser.error(f"there is no scenario {', '.join(unknown)}; there are {', '.join(SCENARIOS)}")
    if asked.restart is not None and asked.url is None:
        parser.error("--restart is for the server at --url; the sandbox is new for each scenario")
    if asked.url is not None and asked.restart is None and len(names) > 1:
        parser.error("several scenarios need --restart: each begins on a fresh ledger")
    return asyncio.run(_play_all(names, asked.url, asked.restart))


async def _play_all(names: Sequence[str], url: str | None, restart: str | None) -> int:
    same = different = 0
    for name in names:
        if restart is not None and (code := await _run(restart)) != 0:
            return _complain(f"the command of --restart failed with exit code {code}: {restart}")
        try:
            messages, differences = await play(name, SCENARIOS[name], url)
        except (OSError, WebSocketException) as error:
            return _complain(f"no server answers at {url}: {error}")
        print(f"{name}: {messages} messages, {len(differences)} different", flush=True)
        for difference in differences[:_SHOWN]:
            places = "; ".join(difference.places[:_PLACES_SHOWN])
            print(f"    {difference.number} {difference.direction} {places}")
        same += messages - len(differences)
        different += len(differences)
    print(f"{same} same, {different} different")
    return _DIFFERENT if different else 0


async def _play_to_its_end(scenario: Scenario, stage: Stage) -> None:
    """Play a scenario; where a server's answers break it off, that is on the tape."""
    try:
        await scenario.play(stage)
        await stage.heard()
    except Exception as error:  # noqa: BLE001 - whatever another server's answers lead to differs
        stage.tape.note("broke off", broke_off=repr(error))


async def _run(command: str) -> int:
    process = await asyncio.create_subprocess_shell(command)
    return await process.wait()


def _complain(sentence: str) -> int:
    print(f"scripts/conformance: {sentence}", file=sys.stderr)
    return _WRONG_CALL


@asynccontextmanager
async def _server(scenario: Scenario, url: str | None) -> AsyncIterator[str]:
    if url is not None:
        yield url
        return
    rules, queue = scenario.rules, scenario.queue
    async with Sandbox(clock=Clock.FROZEN, port=0, rules=rules, queue=queue) as sandbox:
        yield sandbox.url


if __name__ == "__main__":
    sys.exit(main())
