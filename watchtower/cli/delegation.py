"""``watchtower authority delegate`` and ``revoke``: an account permits the tower to claim for it.

Whoever owns the account signs: with a wallet of its own, of what is written here, or with a seed
that is read for this once and kept nowhere. That it has come about is told by the ledger's own
entry, and by nothing else.
"""

from __future__ import annotations

import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import click
import msgspec

from watchtower.cli.asking import ask_seed
from watchtower.cli.delegation_terms import DelegationTerms, are_permitted, read_terms
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.proving import newest_validated, send_until
from watchtower.cli.session import run_async, settings
from watchtower.errors import ConfigError, DelegationRefusedError, DelegationUnprovenError
from watchtower.judgement.delegation import CLAIMING
from watchtower.keys.grant import delegate_set, signed_by_owner
from watchtower.keys.stored_key import UnsealedKey
from watchtower.keys.vault import Algorithm, key_of_seed
from watchtower.ledger.events import Seat
from watchtower.ledger.servers import Servers
from watchtower.response.market import Market
from watchtower.response.surroundings import Signed
from watchtower.response.transaction import with_common_fields
from watchtower.settings import Settings, config_path
from watchtower.units import Address, LedgerIndex, format_drops, parse_address
from watchtower.wiring import link_settings

__all__ = ["delegate", "revoke"]

_LEDGERS: Final = 20
"""Ledgers in which what is sent may come about: a minute, in which nobody sends it twice."""

_PATIENCE: Final = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class _Order:
    """What a person asked for."""

    account: Address
    to: Address
    permits: bool
    write: str | None
    seed: str | None = field(repr=False)
    algorithm: Algorithm | None
    submits: bool
    as_json: bool


def _options(command: Any) -> Any:
    """Give a command the options that both have."""
    for option in (
        json_option,
        click.option("--submit", is_flag=True, help="Send what is signed, and wait for it."),
        click.option(
            "--algorithm",
            type=click.Choice([algorithm.value for algorithm in Algorithm]),
            help="For an s… seed that is not secp256k1.",
        ),
        click.option("--seed-file", help="A file with the account's seed, or - for stdin: sign."),
        click.option("--write", help="A file for the transaction, or - for it alone on stdout."),
        click.option("--to", help="The tower's own account; `authority.delegate.account` if not."),
        click.option("--account", required=True, help="The payee in whose name claims are sent."),
    ):
        command = option(command)
    return command


@click.command(
    epilog=examples(
        "watchtower authority delegate --account rPayee… --to rTower…       # says what it means",
        "watchtower authority delegate --account rPayee… --write grant.json # for a wallet to sign",
        "watchtower authority delegate --account rPayee… --seed-file seed --submit",
    )
)
@_options
def delegate(**options: Any) -> None:
    """Have a payee permit the tower's own account to send claims in its name, and say the risks.

    Prints the unsigned DelegateSet for the payee's own wallet, or signs it with a seed.
    """
    run_async(_carry_out(_order(options, permits=True)))


@click.command(
    epilog=examples(
        "watchtower authority revoke --account rPayee… --to rTower… --write revoke.json",
        "watchtower authority revoke --account rPayee… --seed-file seed --submit",
    )
)
@_options
def revoke(**options: Any) -> None:
    """Have a payee take back what the tower's own account may send in its name.

    Prints the unsigned DelegateSet for the payee's own wallet, or signs it with a seed.
    """
    run_async(_carry_out(_order(options, permits=False)))


def _order(options: Mapping[str, Any], *, permits: bool) -> tuple[Settings, _Order]:
    loaded = settings()
    if options["submit"] and options["seed_file"] is None:
        raise click.UsageError("--submit sends what is signed here: give --seed-file FILE or -")
    if options["algorithm"] and options["seed_file"] is None:
        raise click.UsageError("--algorithm is of a seed: give --seed-file FILE or -")
    account = parse_address(options["account"])
    to = options["to"] or loaded.authority.delegate.account
    if not to:
        why = "`authority.delegate.account` is not set; set it, or give --to"
        raise ConfigError(path=config_path(os.environ), why=why)
    seed_file, algorithm = options["seed_file"], options["algorithm"]
    return loaded, _Order(
        account=account,
        to=parse_address(to),
        permits=permits,
        write=options["write"],
        seed=None if seed_file is None else ask_seed(seed_file),
        algorithm=None if algorithm is None else Algorithm(algorithm),
        submits=options["submit"],
        as_json=options["as_json"],
    )


async def _carry_out(ordered: tuple[Settings, _Order]) -> None:
    loaded, order = ordered
    async with _servers(loaded, order.to) as servers:
        terms = await read_terms(servers, order.account, order.to)
        terms.refuse_impossible(permits=order.permits)
        unsigned = delegate_set(order.account, order.to, permits=order.permits)
        wanted = frozenset({CLAIMING} if order.permits else ())
        if terms.permitted == wanted:
            _tell(order, terms, unsigned, outcome="it stands in the ledger already")
            return
        if order.seed is None:
            _tell(order, terms, unsigned, outcome="to be signed by the account's owner")
            return
        signed, last_ledger = await _sign(servers, loaded, order, terms, unsigned)
        if not order.submits:
            body = {"tx_blob": signed.blob, "hash": signed.transaction, "last_ledger": last_ledger}
            _tell(order, terms, body, outcome="signed, and not sent")
            return
        # People read what it means before it is sent, not behind it.
        _explain(order, terms)

        async def is_there() -> bool:
            return await are_permitted(servers, order.account, order.to, wanted)

        why = await send_until(servers, signed.blob, last_ledger, is_there)
    if why is not None:
        raise DelegationUnprovenError(
            transaction=signed.transaction, last_ledger=last_ledger, why=why
        )
    done = "permitted: the ledger has the entry" if order.permits else "the ledger has no entry"
    _tell(order, terms, {"hash": signed.transaction}, outcome=done, is_explained=True)


@asynccontextmanager
async def _servers(loaded: Settings, to: Address) -> AsyncIterator[Servers]:
    async with Servers(loaded.servers, delegate=to, settings=link_settings(loaded)) as servers:
        await servers.wait_until_ready(_PATIENCE)
        await servers.settle(_PATIENCE)
        yield servers


async def _sign(
    servers: Servers,
    loaded: Settings,
    order: _Order,
    terms: DelegationTerms,
    unsigned: Mapping[str, Any],
) -> tuple[Signed, LedgerIndex]:
    """Sign with the owner's seed, at what the open ledger costs now."""
    key = key_of_seed(order.account, order.seed or "", order.algorithm)
    terms.refuse_key(key.public_key)
    fee, cap = Market.of(await servers.fee()).price(), loaded.fees.cap_drops
    if fee > cap:
        why = f"the ledger costs {format_drops(fee)} now, more than `fees.cap_drops`; try later"
        raise DelegationRefusedError(why=why)
    sequences = await servers.account_sequences(order.account)
    last_ledger = LedgerIndex(await newest_validated(servers) + _LEDGERS)
    complete = with_common_fields(
        unsigned,
        fee=fee,
        seat=Seat(sequences[-1]),
        last_ledger=last_ledger,
        network_id=servers.network_id or 0,
    )
    return await signed_by_owner(UnsealedKey(key), complete), last_ledger


def _tell(
    order: _Order,
    terms: DelegationTerms,
    transaction: Mapping[str, Any],
    *,
    outcome: str,
    is_explained: bool = False,
) -> None:
    """Say what it means and what became of it, and hand over the transaction."""
    if order.write is not None:
        _write(order.write, transaction)
    if order.as_json:
        if order.write != "-":
            report = {**terms.report(transaction, permits=order.permits), "outcome": outcome}
            tell(report, "", as_json=True)
        return
    if not is_explained:
        _explain(order, terms)
    is_alone = order.write == "-"
    click.echo(f"{order.account} to {order.to}: {outcome}.", err=is_alone)
    if order.write is None:
        click.echo(_json(transaction))
    elif not is_alone:
        click.echo(f"Written to {order.write}.")


def _explain(order: _Order, terms: DelegationTerms) -> None:
    if not order.as_json:
        # Standard output is the transaction's, where that is asked for alone.
        for line in terms.lines(permits=order.permits):
            click.echo(line, err=order.write == "-")


def _write(path: str, transaction: Mapping[str, Any]) -> None:
    if path == "-":
        sys.stdout.write(_json(transaction) + "\n")
        return
    try:
        Path(path).write_text(_json(transaction) + "\n", encoding="utf-8")
    except OSError as problem:
        raise click.UsageError(f"{path} cannot be written ({problem.strerror})") from None


def _json(transaction: Mapping[str, Any]) -> str:
    return msgspec.json.format(msgspec.json.encode(transaction), indent=2).decode()
