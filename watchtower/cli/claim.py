"""``watchtower claim``: claims come in by arguments, from a file, or as JSON lines."""

from __future__ import annotations

import asyncio
import math
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from io import BufferedReader
from pathlib import Path
from typing import Any, Final, cast

import click
import msgspec

from watchtower.claims.decision import DoesNotApply, NotKept, Pending, Standing, as_error
from watchtower.claims.intake import Intake
from watchtower.claims.message import parse_claim, parse_claim_json
from watchtower.claims.notary import Notary
from watchtower.claims.receipt import Receipt
from watchtower.claims.sight import UNSEEN, Sight
from watchtower.cli.exposure import StoredExposure
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import ledger_time, open_store, run_async, settings
from watchtower.cli.standing import last_standing
from watchtower.errors import (
    ClaimFormatError,
    InputError,
    LedgerError,
)
from watchtower.judgement.claim import Claim
from watchtower.keys.identity import Identity, make_identity
from watchtower.ledger.servers import Servers
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.units import (
    ChannelId,
    format_drops,
)
from watchtower.wiring import guard_of, link_settings

__all__ = ["claim"]

_PATIENCE: Final = 4.0
"""Seconds that a person waits for the first server before a claim is kept as pending."""

_SECOND: Final = 1.0
"""Seconds that the other servers have to be asked as well."""

_STALE: Final = 2.0
"""Seconds after which a channel is looked at again before the next claim is judged."""

_AT_ONCE: Final = 8
"""Channels that are looked at at the same time."""

_PIECE: Final = 65_536
"""Bytes that are read at once, as a pipe holds them."""

_TOGETHER: Final = 1_000
"""Claims that are kept together at most."""


@click.group()
def claim() -> None:
    """Claims that payers gave us."""


@claim.command(
    name="add",
    epilog=examples(
        "watchtower claim add CHANNEL 1.5XRP SIGNATURE --public-key HEX",
        "watchtower claim add CHANNEL 1500000 SIGNATURE --public-key HEX --json",
        "watchtower claim add --file claims.jsonl",
        "tail -f claims.jsonl | watchtower claim add -",
    ),
)
@click.argument("channel", required=False)
@click.argument("amount", required=False)
@click.argument("signature", required=False)
@click.option("--public-key", help="The key that signed, in hex; it must be the channel's.")
@click.option("--file", "file", help="JSON lines: channel, amount, signature, public_key.")
@json_option
def add(
    channel: str | None,
    amount: str | None,
    signature: str | None,
    public_key: str | None,
    file: str | None,
    *,
    as_json: bool,
) -> None:
    """Keep a claim, and say whether to serve against it; also while the daemon runs.

    Either CHANNEL AMOUNT SIGNATURE and --public-key, or JSON lines from a file or from
    standard input (-). A claim that is kept survives a power cut.
    """
    loaded = settings()
    if channel is not None and channel != "-":
        if amount is None or signature is None or public_key is None:
            raise click.UsageError("give CHANNEL AMOUNT SIGNATURE --public-key HEX")
        one = parse_claim(
            channel=channel, amount=amount, signature=signature, public_key=public_key
        )
        receipt = run_async(_take_one(loaded, one))
        if isinstance(receipt.decision.kept, NotKept):
            raise as_error(receipt.decision.kept.why)
        tell(_report(receipt), _sentences(receipt), as_json=as_json)
        return
    if channel is None and file is None:
        raise click.UsageError("give a claim, or --file FILE, or - for standard input")
    sys.exit(run_async(_take_lines(loaded, file or "-", as_json=as_json)))


@claim.command(
    name="list", epilog=examples("watchtower claim list", "watchtower claim list --json")
)
@json_option
def list_claims(*, as_json: bool) -> None:
    """List the best claim of every channel, and those that wait for their channel."""
    for report in run_async(_claims(settings())):
        state = "pending" if report["pending"] else "best"
        drops = format_drops(report["amount"])
        tell(report, f"{report['channel']}  {drops}  {state}", as_json=as_json)


class _Desk:
    """Takes claims, asking the ledger about a channel again when the last word is old."""

    def __init__(
        self, store: Store, servers: Servers | None, loaded: Settings, identity: Identity
    ) -> None:
        self._store = store
        self._servers = servers
        self._intake = Intake(store, guard_of(loaded), Notary(time.time, identity))
        self._exposure = StoredExposure(store, guard_of(loaded))
        self._sights: dict[ChannelId, tuple[float, Sight]] = {}

    async def take_all(self, claims: Sequence[Claim]) -> Sequence[Receipt]:
        """Look at the claims' channels, decide and store; there is at least one claim."""
        limit = asyncio.Semaphore(_AT_ONCE)

        async def refresh(channel: ChannelId) -> None:
            async with limit:
                self._sights[channel] = (time.monotonic(), await self._look(channel))

        long_ago = time.monotonic() - _STALE
        names = dict.fromkeys(one.channel for one in claims)
        stale = [name for name in names if self._seen(name)[0] <= long_ago]
        await asyncio.gather(*(refresh(name) for name in stale))
        taken = await self._intake.take_all(
            claims,
            lambda one: self._seen(one.channel)[1],
            at_stake=await self._exposure.now(self._seen(name)[1] for name in names),
        )
        self._exposure.taken(taken)
        return taken.receipts

    def _seen(self, channel: ChannelId) -> tuple[float, Sight]:
        return self._sights.get(channel, (-math.inf, UNSEEN))

    async def _look(self, channel: ChannelId) -> Sight:
        if self._servers is None:
            return UNSEEN
        try:
            fact = await self._servers.read_channel(channel, vouched=True)
            now = await ledger_time(self._servers)
            standing = await last_standing(self._store)
            return Sight(fact=fact, ledger_time=now, rules=standing.rules)
        except LedgerError:
            # Nobody can tell now: the claim is kept as pending and judged later.
            return UNSEEN


@asynccontextmanager
async def _desk(loaded: Settings) -> AsyncIterator[_Desk]:
    async with AsyncExitStack() as stack:
        store = await stack.enter_async_context(open_store(loaded))
        servers: Servers | None = None
        try:
            servers = await stack.enter_async_context(
                Servers.connected(
                    loaded.servers,
                    _PATIENCE,
                    network_id=store.network,
                    settings=link_settings(loaded),
                )
            )
            # What is served against must rest on two servers, where there are two.
            await servers.settle(within=_SECOND)
        except LedgerError as nobody:
            click.echo(f"{nobody} Claims are kept as pending.", err=True)
        yield _Desk(store, servers, loaded, await make_identity(store))


async def _take_one(loaded: Settings, one: Claim) -> Receipt:
    async with _desk(loaded) as desk:
        (receipt,) = await desk.take_all([one])
    return receipt


async def _take_lines(loaded: Settings, source: str, *, as_json: bool) -> int:
    """Answer a line each, in their order; return the exit code of the first that was refused.

    Lines that came together are kept together, with one fsync.
    """
    exit_code = number = 0
    async with _desk(loaded) as desk:
        async for lines in _lines(source):
            for report, text in await _answers(desk, lines):
                number += 1
                if report is None:
                    continue
                tell({"line": number, **report}, f"line {number}: {text}", as_json=as_json)
                exit_code = exit_code or int(report.get("exit_code", 0))
    return exit_code


async def _answers(
    desk: _Desk, lines: Sequence[bytes]
) -> list[tuple[Mapping[str, Any] | None, str]]:
    """Return what there is to say to each line; nothing to an empty one."""
    read = [_read(line) for line in lines]
    claims = [one for one in read if isinstance(one, Claim)]
    receipts = iter(await desk.take_all(claims) if claims else ())
    answers: list[tuple[Mapping[str, Any] | None, str]] = []
    for one in read:
        if one is None:
            answers.append((None, ""))
        elif isinstance(one, InputError):
            answers.append((_wrong(one), str(one)))
        else:
            receipt = next(receipts)
            answers.append((_report(receipt), _sentences(receipt)))
    return answers


def _read(line: bytes) -> Claim | InputError | None:
    try:
        return parse_claim_json(line) if line.strip() else None
    except InputError as wrong:
        return wrong


async def _claims(loaded: Settings) -> list[dict[str, Any]]:
    async with open_store(loaded) as store, store.read() as work:
        best, pending = await work.claims.load_all(), await work.claims.load_pending()
    return [
        {
            "channel": one.channel,
            "amount": one.amount,
            "public_key": one.public_key,
            "signature": one.signature,
            "pending": is_pending,
        }
        for group, is_pending in ((best, False), (pending, True))
        for one in sorted(group, key=lambda one: one.channel)
    ]


async def _lines(source: str) -> AsyncIterator[list[bytes]]:
    """Return lines as they come, those together that did, without holding up the links."""
    try:
        with await asyncio.to_thread(_open, source) as file:
            begun = b""
            while piece := await asyncio.to_thread(file.read1, _PIECE):
                *lines, begun = (begun + piece).split(b"\n")
                for first in range(0, len(lines), _TOGETHER):
                    yield lines[first : first + _TOGETHER]
                # A line without an end is no claim, and must not fill the memory.
                begun = begun[:_PIECE]
            if begun:
                yield [begun]
    except OSError as problem:
        why = f"{source} cannot be read ({problem.strerror})"
        raise ClaimFormatError(why=why) from None


def _open(source: str) -> BufferedReader:
    return cast("BufferedReader", sys.stdin.buffer) if source == "-" else Path(source).open("rb")


def _wrong(wrong: InputError) -> dict[str, Any]:
    return {
        "kept": False,
        "pending": False,
        "serve": False,
        "reasons": [Standing.NOT_KEPT.value],
        "why_not_kept": "malformed",
        "error": type(wrong).__name__,
        "sentence": str(wrong),
        "exit_code": wrong.exit_code,
    }


def _report(receipt: Receipt) -> dict[str, Any]:
    signed = receipt.signed
    if signed is None:
        return receipt.report()
    return receipt.report() | {"receipt": msgspec.to_builtins(signed.message())}


def _sentences(receipt: Receipt) -> str:
    kept, report = receipt.decision.kept, receipt.report()
    if isinstance(kept, NotKept):
        return f"not kept: {report['sentence']}"
    amount = format_drops(kept.claim.amount)
    if isinstance(kept, Pending):
        first = f"kept as pending: {amount}, to be judged when a server tells of the channel"
    else:
        first = f"kept: {amount} is now the best claim"
        if kept.rescued:
            first += " (its signature was put into the form that the ledger takes)"
    if isinstance(receipt.decision.serve, DoesNotApply):
        return f"{first}\nregistered as signed by the payer; there is nothing to serve"
    serve = "yes" if report["serve"] else "no. " + " ".join(report["why_not_serve"])
    return f"{first}\nserve: {serve}"
