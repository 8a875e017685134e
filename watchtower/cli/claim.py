"""``watchtower claim``: claims come in by arguments, from a file, or by the line."""

from __future__ import annotations

import sys
from typing import Any

import click

from watchtower.claims.answer import Answer
from watchtower.claims.decision import NotKept, as_error
from watchtower.claims.formats.registry import FORMATS, HEADED, PLAIN
from watchtower.claims.given import Given
from watchtower.claims.message import parse_claim
from watchtower.cli.desk import open_desk
from watchtower.cli.importing import Order, import_claims, report_of, sentences
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.interfaces.amounts import amounts_as_text
from watchtower.settings import Settings
from watchtower.units import format_drops

__all__ = ["claim"]


@click.group(cls=Listed)
def claim() -> None:
    """Claims that payers gave us."""


@claim.command(
    name="add",
    epilog=examples(
        "watchtower claim add CHANNEL 1.5XRP SIGNATURE",
        "watchtower claim add CHANNEL 1500000 SIGNATURE --public-key HEX --json",
        "watchtower claim add --file claims.jsonl",
        "watchtower claim add --file claims.csv --format csv --resume",
        "tail -f claims.jsonl | watchtower claim add -",
    ),
)
@click.argument("channel", required=False)
@click.argument("amount", required=False)
@click.argument("signature", required=False)
@click.option("--public-key", help="The key that signed, in hex; the channel's if not given.")
@click.option("--file", "file", help="Claims, one a line; - for standard input.")
@click.option(
    "--format",
    "form",
    type=click.Choice([*FORMATS, *HEADED]),
    default=PLAIN,
    show_default=True,
    help="The form in which the lines are.",
)
@click.option("--resume", is_flag=True, help="Go on where an import of the file was interrupted.")
@json_option
def add(
    *,
    channel: str | None,
    amount: str | None,
    signature: str | None,
    public_key: str | None,
    file: str | None,
    form: str,
    resume: bool,
    as_json: bool,
) -> None:
    """Keep a claim, and say whether to serve against it; also while the daemon runs.

    Either CHANNEL AMOUNT SIGNATURE, or claims by the line from a file or from standard input (-).
    A claim that is kept survives a power cut.
    """
    loaded = settings()
    if channel is not None and channel != "-":
        if amount is None or signature is None:
            raise click.UsageError("give CHANNEL AMOUNT SIGNATURE")
        if file is not None or form != PLAIN or resume:
            raise click.UsageError("--file, --format and --resume are for claims by the line")
        one = parse_claim(
            channel=channel, amount=amount, signature=signature, public_key=public_key
        )
        answer = run_async(_take_one(loaded, one))
        if isinstance(answer.decision.kept, NotKept):
            raise as_error(answer.decision.kept.why)
        tell(report_of(answer), sentences(answer), as_json=as_json)
        return
    if channel is None and file is None:
        raise click.UsageError("give a claim, or --file FILE, or - for standard input")
    order = Order(source=file or "-", form=form, is_resumed=resume, as_json=as_json)
    if resume and order.path is None:
        raise click.UsageError("--resume needs --file: standard input comes but once")
    sys.exit(run_async(import_claims(loaded, order)))


@claim.command(
    name="list", epilog=examples("watchtower claim list", "watchtower claim list --json")
)
@json_option
def list_claims(*, as_json: bool) -> None:
    """List the best claim of every channel, and those that wait for their channel."""
    for report in run_async(_claims(settings())):
        state = "pending" if report["pending"] else "best"
        drops = format_drops(report["amount"])
        line = f"{report['channel']}  {drops}  {state}"
        tell(amounts_as_text(report), line, as_json=as_json)


async def _take_one(loaded: Settings, one: Given) -> Answer:
    async with open_desk(loaded) as desk:
        (answer,) = await desk.take_all([one])
    return answer


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
