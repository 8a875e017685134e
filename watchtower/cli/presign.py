"""``watchtower presign``: a payee signs its claims ahead of need, on a machine of its own."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
from typing_extensions import override

from watchtower.cli.asking import ask_seed
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import run_async, settings
from watchtower.cli.uncovered import requests_of, standing_of
from watchtower.errors import PresignError
from watchtower.keys.bundle import read_bundle
from watchtower.keys.presigning import (
    FEES,
    PresignRequest,
    read_requests,
    request_of,
    write_request,
)
from watchtower.keys.presigning import (
    presign as sign_ahead,
)
from watchtower.keys.vault import Algorithm, key_that_signs_for
from watchtower.units import parse_address, parse_channel_id, parse_drops

__all__ = ["presign"]

_MOST_TICKETS = 8


class _SignsByDefault(Listed):
    """What is no command of the group is what there is to sign."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        if args and args[0] not in {*self.commands, *ctx.help_option_names}:
            args = ["sign", *args]
        return super().parse_args(ctx, args)


@click.group(cls=_SignsByDefault)
def presign() -> None:
    """Claims signed ahead of need, so that the tower that redeems them holds no key at all."""


@presign.command(
    epilog=examples(
        "watchtower presign requests.jsonl --out bundle.json    # asks for the seed",
        "watchtower presign requests.jsonl --seed-file seed --fee 12 --fee 6000 --fee 200000",
        "watchtower presign --account rPayee… --channel CHANNEL --amount 1.5XRP \\",
        "    --signature HEX --public-key HEX --ticket 41 --ticket 42 --out bundle.json",
    ),
)
@click.argument("requests", required=False)
@click.option("--account", help="Who redeems, for a claim given by options.")
@click.option("--channel", help="The channel, for a claim given by options.")
@click.option("--amount", help="What the claim promises in all.")
@click.option("--balance", help="What to ask for, where the channel holds less than was promised.")
@click.option("--signature", help="The payer's signature, in hex.")
@click.option("--public-key", help="The channel's key, in hex.")
@click.option("--ticket", "tickets", type=int, multiple=True, help="A ticket; best give two.")
@click.option("--network", "network_id", type=int, default=0, help="Its id; 0 is the main one.")
@click.option("--fee", "fees", multiple=True, help="A fee to sign for; may be given several times.")
@click.option("--seed-file", help="A file with the family seed, or - for standard input.")
@click.option(
    "--algorithm",
    type=click.Choice([algorithm.value for algorithm in Algorithm]),
    help="For an s… seed that is not secp256k1.",
)
@click.option("--regular-key", is_flag=True, help="The seed is the account's regular key.")
@click.option("--out", help="The bundle's file, which must not exist; standard output without.")
@json_option
def sign(
    *,
    requests: str | None,
    seed_file: str | None,
    algorithm: str | None,
    regular_key: bool,
    fees: Sequence[str],
    out: str | None,
    as_json: bool,
    **claim: Any,
) -> None:
    """Sign claims ahead of need, offline: no network, no store and no configuration are needed.

    The claims are in the file REQUESTS, one a line as `watchtower presign request` prints them, or
    on standard input (-); or one is given by options. Each is signed for every ticket and every
    fee, with no last ledger. The bundle holds nothing secret.
    """
    if requests == "-" and seed_file == "-":
        raise click.UsageError("standard input is either the requests or the seed")
    asked = _asked(requests, claim)
    levels = tuple(sorted({parse_drops(fee) for fee in fees})) or FEES
    kind = None if algorithm is None else Algorithm(algorithm)
    key = key_that_signs_for(
        asked[0].account, ask_seed(seed_file), algorithm=kind, regular_key=regular_key
    )
    data = sign_ahead(asked, key, fees=levels)
    if out is None:
        sys.stdout.buffer.write(data)
        return
    _write(Path(out), data)
    bundle = read_bundle(data)
    channels = len({each.channel for each in bundle.presigned})
    blobs = sum(len(each.levels) for each in bundle.presigned)
    text = (
        f"Wrote {out}: {blobs} transactions for {channels} channels of {bundle.account}. Bring it "
        "to the tower and run `watchtower authority import` there."
    )
    tell({"file": out, "channels": channels, "transactions": blobs}, text, as_json=as_json)


@presign.command(
    epilog=examples(
        "watchtower presign request --account rPayee… > requests.jsonl",
        "watchtower presign request --account rPayee… --all --tickets 3 > requests.jsonl",
    )
)
@click.option("--account", help="The payee; may be left out where there is only one.")
@click.option("--all", "everything", is_flag=True, help="Also what is covered already.")
@click.option(
    "--tickets",
    "count",
    type=click.IntRange(1, _MOST_TICKETS),
    default=2,
    show_default=True,
    help="How many tickets stand for each channel.",
)
@click.option("--fee", "fees", multiple=True, help="A fee to sign for; may be given several times.")
@json_option
def request(
    *, account: str | None, everything: bool, count: int, fees: Sequence[str], as_json: bool
) -> None:
    """Print what is to be signed ahead: channels whose claims have no bundle, or an older one.

    Run at the tower; it asks no server. A channel keeps the tickets that stand for it. What is
    missing is said on standard error.
    """
    loaded = settings()
    payee = _payee(account, sorted(loaded.payees))
    levels = tuple(sorted({parse_drops(fee) for fee in fees}))
    known = run_async(standing_of(loaded, parse_address(payee)))
    found = requests_of(known, count=count, fees=levels, everything=everything)
    for each in found.requests:
        click.echo(write_request(each).decode())
    for note in found.notes:
        tell({"note": note}, note, as_json=as_json, err=True)


def _payee(account: str | None, payees: Sequence[str]) -> str:
    if account is not None:
        if account not in payees:
            raise PresignError(why=f"`accounts` does not name {account} as a payee")
        return account
    if len(payees) != 1:
        raise click.UsageError("several payees are guarded; give --account")
    return payees[0]


def _asked(requests: str | None, claim: dict[str, Any]) -> tuple[PresignRequest, ...]:
    by_options = ("account", "channel", "amount", "signature", "public_key")
    if requests is None:
        if missing := [f"--{name.replace('_', '-')}" for name in by_options if not claim[name]]:
            raise click.UsageError(f"give a file REQUESTS, or a claim by {', '.join(missing)}")
        return (_by_options(**claim),)
    if any(claim[name] for name in (*by_options, "balance", "tickets", "network_id")):
        raise click.UsageError("a claim is either in the file REQUESTS or given by options")
    asked = read_requests(_read(requests))
    if not asked:
        raise PresignError(why="there is no request")
    return asked


def _by_options(
    *,
    account: str,
    channel: str,
    amount: str,
    balance: str | None,
    signature: str,
    public_key: str,
    tickets: Sequence[int],
    network_id: int,
) -> PresignRequest:
    return request_of(
        network_id=network_id,
        account=parse_address(account),
        channel=parse_channel_id(channel),
        amount=parse_drops(amount),
        balance=None if balance is None else parse_drops(balance),
        signature=signature,
        public_key=public_key,
        tickets=tuple(tickets),
    )


def _read(requests: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if requests == "-" else Path(requests).read_bytes()
    except OSError as problem:
        raise PresignError(why=f"{requests} cannot be read ({problem.strerror})") from None


def _write(path: Path, data: bytes) -> None:
    try:
        with path.open("xb") as file:
            file.write(data)
    except OSError as problem:
        raise PresignError(why=f"{path} cannot be written ({problem.strerror})") from None
