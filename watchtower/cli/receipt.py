"""``watchtower receipt``: what the tower signed, checked by anybody who has its key."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Final

import click

from watchtower.claims.receipt import Receipt, State, why_void
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.errors import PublicKeyError, ReceiptFormatError, ReceiptVoidError, WatchtowerError
from watchtower.units import format_drops

__all__ = ["receipt"]

_TOWER: Final = re.compile(r"ED[0-9A-F]{64}\Z", re.ASCII | re.IGNORECASE)

_LONGEST: Final = 65_536
"""Bytes of a line: the longest receipt has some 3,000."""


@click.group(cls=Listed)
def receipt() -> None:
    """Receipts: the tower's signature for claims that it keeps."""


@receipt.command(
    name="verify",
    epilog=examples(
        "watchtower receipt verify --tower ED… receipt.json",
        "watchtower claim add --file claims.jsonl --json | watchtower receipt verify --tower ED… -",
    ),
)
@click.argument("file")
@click.option("--tower", required=True, help="The tower's key: `watchtower key identity` tells it.")
@json_option
def verify(file: str, tower: str, *, as_json: bool) -> None:
    """Verify receipts offline: a JSON object a line, from FILE or standard input (-).

    Each line is a receipt, or an answer about a claim that holds one. Needs no configuration, no
    store and no network. Get the tower's key from its operator, and not with the receipt.
    """
    if not _TOWER.match(tower):
        raise PublicKeyError(text=tower)
    first: WatchtowerError | None = None
    number = 0
    for number, line in enumerate(_lines(file), start=1):
        try:
            found = _verified(line, tower.upper())
        except WatchtowerError as wrong:
            first = first or wrong
            tell(_wrong(number, wrong), f"line {number}: {wrong}", as_json=as_json)
        else:
            tell(_report(number, found), f"line {number}: {_sentence(found)}", as_json=as_json)
    if not number:
        raise ReceiptFormatError(why=f"{file} is empty")
    if first is not None:
        sys.exit(first.exit_code)


def _verified(line: bytes, tower: str) -> Receipt:
    found = Receipt.parse(line)
    why = why_void(found, tower)
    if why is not None:
        raise ReceiptVoidError(amount=found.amount, channel=found.channel, why=why.value)
    return found


def _lines(file: str) -> Iterator[bytes]:
    try:
        with _open(file) as lines:
            while line := lines.readline(_LONGEST):
                if line.strip():
                    yield line
    except OSError as problem:
        why = f"{file} cannot be read ({problem.strerror})"
        raise ReceiptFormatError(why=why) from None


def _open(file: str) -> AbstractContextManager[BinaryIO]:
    return nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb")


def _sentence(found: Receipt) -> str:
    until = "" if found.state is State.KEPT else ", until a server tells of that channel"
    return (
        f"good: at {_time(found)} the tower held {format_drops(found.amount)} of channel "
        f"{found.channel}, signed by {found.public_key}{until}."
    )


def _report(number: int, found: Receipt) -> dict[str, Any]:
    return {
        "line": number,
        "good": True,
        "tower": found.tower,
        "channel": found.channel,
        "amount": found.amount,
        "public_key": found.public_key,
        "state": found.state.value,
        "at": _time(found),
    }


def _wrong(number: int, wrong: WatchtowerError) -> dict[str, Any]:
    return {
        "line": number,
        "good": False,
        "error": type(wrong).__name__,
        "sentence": str(wrong),
        "exit_code": wrong.exit_code,
    }


def _time(found: Receipt) -> str:
    try:
        whole = datetime.fromtimestamp(found.at / 1_000, UTC)
    except (OverflowError, ValueError):
        return f"millisecond {found.at} since 1970"
    return whole.isoformat(timespec="milliseconds").replace("+00:00", "Z")
