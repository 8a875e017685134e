"""``watchtower journal``: a single line of the journal, proven to whoever has the tower's key."""

from __future__ import annotations

import re
import sys
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.errors import ProofVoidError, PublicKeyError
from watchtower.heads import prove_line
from watchtower.settings import Settings
from watchtower.store.journal import Entry
from watchtower.store.proof import Proof
from watchtower.units import format_time, ripple_time

__all__ = ["journal"]

_TOWER: Final = re.compile(r"ED[0-9A-F]{64}\Z", re.ASCII | re.IGNORECASE)
_LARGEST: Final = 1 << 20
"""Bytes of a proof that are read: a line of the journal has some hundred, and 64 hashes at most."""


@click.group(cls=Listed)
def journal() -> None:
    """The journal: what happened and what was done about it, proven line by line."""


@journal.command(
    epilog=examples(
        "watchtower explain 5DB0… --json      # the story's lines have their numbers",
        "watchtower journal prove 17 > proof.json",
    )
)
@click.argument("number", type=click.IntRange(min=1))
@json_option
def prove(number: int, *, as_json: bool) -> None:
    """Prove that line NUMBER is in the journal: one JSON object, with or without `--json`.

    It holds that line, hashes of others, and how many there are; nothing else of the journal can
    be read from it. The daemon may run meanwhile.
    """
    proof = run_async(_prove(settings(), number)).encoded()
    tell(msgspec.json.decode(proof), proof.decode(), as_json=as_json)


@journal.command(
    epilog=examples("watchtower journal verify --tower ED… proof.json"),
)
@click.argument("file")
@click.option("--tower", required=True, help="The tower's key: `watchtower key identity` tells it.")
@json_option
def verify(file: str, tower: str, *, as_json: bool) -> None:
    """Verify a proof offline, from FILE or standard input (-), and say what its line says.

    Needs no configuration, no store and no network. Get the tower's key from its operator, and not
    with the proof. Ends with exit code 79 if nothing is proven.
    """
    if not _TOWER.match(tower):
        raise PublicKeyError(text=tower)
    proof = Proof.read(_read(file), tower.upper())
    report = _report(proof)
    places = (("channel", report["channel"]), ("ledger", report["ledger_index"]))
    where = "".join(f", {name} {value}" for name, value in places if value is not None)
    text = (
        f"good: line {proof.index + 1} of the {report['lines']} that the tower signed for says "
        f"{report['kind']}, at {report['written']}{where}, "
        f"{msgspec.json.encode(report['facts']).decode()}."
    )
    tell(report, text, as_json=as_json)


async def _prove(loaded: Settings, number: int) -> Proof:
    async with open_store(loaded) as store:
        proof = await prove_line(store, number)
    if proof is None:
        raise ProofVoidError(why=f"the journal has no line {number}, or it was pruned")
    return proof


def _read(file: str) -> bytes:
    try:
        if file == "-":
            return sys.stdin.buffer.read(_LARGEST)
        with Path(file).open("rb") as opened:
            return opened.read(_LARGEST)
    except OSError as problem:
        raise ProofVoidError(why=f"{file} cannot be read ({problem.strerror})") from None


def _report(proof: Proof) -> dict[str, Any]:
    try:
        entry = msgspec.msgpack.decode(proof.text, type=Entry)
    except msgspec.DecodeError as wrong:
        raise ProofVoidError(why=f"what the tower signed is no line of ours ({wrong})") from None
    return {
        "good": True,
        "tower": proof.head.tower,
        "index": proof.index,
        "lines": proof.head.standing.frontier.size,
        "root": proof.head.standing.frontier.root.hex(),
        "kind": entry.kind,
        "channel": entry.channel,
        "ledger_index": entry.ledger_index,
        "written": format_time(ripple_time(entry.written / 1000)),
        "facts": entry.facts,
    }
