"""``watchtower cosign``: a person's signature under a claim that several redeem together."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Final

import click
import msgspec
from typing_extensions import override

from watchtower.cli.asking import ask_seed, confirm
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.errors import CosignFormatError
from watchtower.keys.cosign_messages import PersonalAnswer, PersonalRequest
from watchtower.keys.personal import judged, read_answer, read_request, signed
from watchtower.keys.persons import Waiting, take_answer, waiting_requests
from watchtower.keys.vault import Algorithm
from watchtower.ledger.events import ChannelEntry
from watchtower.response.attempt import Attempt
from watchtower.settings import Settings
from watchtower.units import Drops, format_drops, parse_address, parse_drops

__all__ = ["cosign"]

_SIGN: Final = "sign"
_MOST_BYTES: Final = 1 << 20


class _OrSign(Listed):
    """A group whose own name with a file is the command that people use most."""

    @override
    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        known = {*self.commands, *ctx.help_option_names}
        return super().parse_args(ctx, args if not args or args[0] in known else [_SIGN, *args])


@click.group(
    cls=_OrSign,
    epilog=examples(
        "watchtower cosign request.json > answer.json       # shows it, asks, and signs",
        "watchtower cosign requests --json > request.json   # at the tower",
        "watchtower cosign answer answer.json               # at the tower",
    ),
)
def cosign() -> None:
    """Sign claims that several signers redeem together; with a FILE, `cosign sign FILE`."""


@cosign.command(
    name=_SIGN,
    epilog=examples(
        "watchtower cosign request.json > answer.json",
        "watchtower cosign request.json --payee rPayee… --seed-file /run/secrets/seed --yes",
    ),
)
@click.argument("file")
@click.option("--account", help="Who you are in the signer list, if several persons are asked.")
@click.option("--payee", help="The account for whom you sign; anybody else's is refused.")
@click.option("--fee-cap", default="1XRP", show_default=True, help="The most that it may cost.")
@click.option("--seed-file", help="A file with your family seed; asked for, unseen, if not given.")
@click.option(
    "--algorithm",
    type=click.Choice([algorithm.value for algorithm in Algorithm]),
    help="For an s… seed that is not secp256k1.",
)
@click.option("--yes", is_flag=True, help="Do not ask; needs --payee.")
@json_option
def sign(
    *,
    file: str,
    account: str | None,
    payee: str | None,
    fee_cap: str,
    seed_file: str | None,
    algorithm: str | None,
    yes: bool,
    as_json: bool,  # noqa: ARG001 - the answer is JSON in any case
) -> None:
    """Show what a tower asks to sign, and sign it: FILE holds its requests, - is standard input.

    Needs no configuration, no store and no network. The answers go to standard output.
    """
    if yes and payee is None:
        raise click.UsageError("--yes needs --payee: nobody looks at whom it is for")
    if file == "-" and (seed_file in {None, "-"} or not yes):
        raise click.UsageError("- for FILE needs --yes and --seed-file FILE: nobody can be asked")
    me = None if account is None else parse_address(account)
    whom, cap = None if payee is None else parse_address(payee), parse_drops(fee_cap)
    requests = [read_request(line) for line in _lines(file)]
    for request in requests:
        entry = judged(request, payee=whom, fee_cap=cap)
        click.echo(_words(request, entry), err=True)
    if not yes:
        confirm("Sign?")
    seed = ask_seed(seed_file)
    kind = None if algorithm is None else Algorithm(algorithm)
    for request in requests:
        answer = run_async(signed(request, seed, account=me, algorithm=kind))
        click.echo(msgspec.json.encode(answer).decode())


@cosign.command(
    name="requests",
    epilog=examples(
        "watchtower cosign requests", "watchtower cosign requests --json > request.json"
    ),
)
@json_option
def list_requests(*, as_json: bool) -> None:
    """List what waits for a person's signature; --json prints it for `watchtower cosign FILE`."""
    found = run_async(_waiting(settings()))
    for one in found:
        tell(msgspec.to_builtins(one.request), _line(one), as_json=as_json)
    if not found and not as_json:
        click.echo("Nothing waits for a person.")


@cosign.command(name="answer", epilog=examples("watchtower cosign answer answer.json"))
@click.argument("file")
@json_option
def take(*, file: str, as_json: bool) -> None:
    """Take in what a person signed: FILE holds the answers, - is standard input."""
    answers = [read_answer(line) for line in _lines(file)]
    for answer, attempt in run_async(_take(settings(), answers)):
        report = {
            "request": answer.identity,
            "complete": attempt is not None,
            "transaction": None if attempt is None else attempt.transaction,
        }
        text = (
            f"Took the signature of {answer.account} for {answer.identity}; more are needed."
            if attempt is None
            else f"Complete: the daemon sends {attempt.transaction} until ledger "
            f"{attempt.last_ledger}."
        )
        tell(report, text, as_json=as_json)


async def _waiting(loaded: Settings) -> list[Waiting]:
    async with open_store(loaded) as store:
        return await waiting_requests(store)


async def _take(
    loaded: Settings, answers: list[PersonalAnswer]
) -> list[tuple[PersonalAnswer, Attempt | None]]:
    async with open_store(loaded) as store:
        return [(answer, await take_answer(store, answer)) for answer in answers]


def _lines(file: str) -> list[bytes]:
    try:
        if file == "-":
            read = sys.stdin.buffer.read(_MOST_BYTES + 1)
        else:
            with Path(file).open("rb") as opened:
                read = opened.read(_MOST_BYTES + 1)
    except OSError as problem:
        raise CosignFormatError(why=f"{file} cannot be read ({problem.strerror})") from None
    if len(read) > _MOST_BYTES:
        raise CosignFormatError(why=f"it is longer than {_MOST_BYTES} bytes")
    lines = [line for line in read.splitlines() if line.strip()]
    if not lines:
        raise CosignFormatError(why="there is nothing in it")
    return lines


def _words(request: PersonalRequest, entry: ChannelEntry) -> str:
    """Return what a person is about to sign, and what only they can know."""
    fields = request.transaction
    pays = Drops(int(fields["Balance"]) - entry.balance)
    return (
        f"Redeem channel {entry.channel}\n"
        f"  for           {fields['Account']}\n"
        f"  paid by       {entry.source}\n"
        f"  pays          {format_drops(pays)} now, by a claim of "
        f"{format_drops(Drops(int(fields['Amount'])))} in all, which the channel's key signed\n"
        f"  the channel   holds {format_drops(entry.amount)} and has paid "
        f"{format_drops(entry.balance)}, as the tower says\n"
        f"  fee           {format_drops(Drops(int(fields['Fee'])))} at most\n"
        f"  good until    ledger {fields['LastLedgerSequence']}, asked for in ledger "
        f"{request.validated}\n"
        "If you know of a better claim, or do not know this channel, do not sign."
    )


def _line(one: Waiting) -> str:
    fields = one.request.transaction
    return (
        f"{one.request.identity}  {one.channel}  {format_drops(Drops(int(fields['Balance'])))}  "
        f"until ledger {one.last_ledger}  {', '.join(one.request.signers)}"
    )
