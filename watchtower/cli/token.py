"""``watchtower token``: who may hand over claims and ask questions over HTTP."""

from __future__ import annotations

import secrets
import time
from collections.abc import Sequence
from datetime import UTC, datetime

import click

from watchtower.access.token import (
    RANDOM_BYTES,
    Scope,
    Token,
    mint,
    parse_expiry,
    parse_name,
    parse_quota,
)
from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.settings import Settings

__all__ = ["token"]


@click.group(cls=Listed)
def token() -> None:
    """Tokens, by which people come in over HTTP."""


@token.command(
    name="add",
    epilog=examples(
        "watchtower token add publisher --scope submit --scope read",
        "watchtower token add trial --scope submit --quota 600/minute --expires 30d",
        "(umask 077; watchtower token add monitor --scope admin > monitor.token)",
    ),
)
@click.argument("name")
@click.option(
    "--scope",
    "scopes",
    type=click.Choice([scope.value for scope in Scope]),
    multiple=True,
    required=True,
    help="What it is good for; may be given several times.",
)
@click.option("--quota", help="How many claims are served for it, such as 600/minute.")
@click.option("--expires", help="Until when it is good: 90d, 12h, or 2027-03-01 (UTC).")
@json_option
def add_token(
    name: str, scopes: tuple[str, ...], quota: str | None, expires: str | None, *, as_json: bool
) -> None:
    """Make a token called NAME, and print it: it is shown this once."""
    now = time.time()
    made, text = mint(
        parse_name(name),
        [Scope(scope) for scope in scopes],
        random=secrets.token_bytes(RANDOM_BYTES),
        now=now,
        quota=None if quota is None else parse_quota(quota),
        expires=None if expires is None else parse_expiry(expires, now),
    )
    run_async(_add(settings(), made))
    tell({**_report(made), "token": text}, text, as_json=as_json)
    if not as_json:
        # Beside standard output, so that what is written into a file is the token alone.
        click.echo(f"This is the token of {name}. It is kept nowhere: store it now.", err=True)


@token.command(
    name="list", epilog=examples("watchtower token list", "watchtower token list --json")
)
@json_option
def list_tokens(*, as_json: bool) -> None:
    """List the tokens: what each is good for, and until when. Nothing secret."""
    now, tokens = time.time(), run_async(_load(settings()))
    if as_json or tokens:
        for each in tokens:
            tell(_report(each), _line(each, now), as_json=as_json)
    else:
        click.echo("No tokens. Make one with `watchtower token add NAME --scope submit`.")


@token.command(name="revoke", epilog=examples("watchtower token revoke publisher"))
@click.argument("name")
@json_option
def revoke_token(name: str, *, as_json: bool) -> None:
    """Let nobody in by the token called NAME any more; a daemon that runs obeys at once."""
    revoked = run_async(_revoke(settings(), name))
    tell(_report(revoked), f"Revoked {revoked.name}.", as_json=as_json)


async def _add(loaded: Settings, made: Token) -> None:
    async with open_store(loaded) as store, store.write() as work:
        await work.tokens.add(made)


async def _load(loaded: Settings) -> Sequence[Token]:
    async with open_store(loaded) as store, store.read() as work:
        return await work.tokens.load_all()


async def _revoke(loaded: Settings, name: str) -> Token:
    async with open_store(loaded) as store, store.write() as work:
        return await work.tokens.revoke(name)


def _line(each: Token, now: float) -> str:
    quota = "no quota" if each.quota is None else f"{each.quota}/minute"
    until = "for ever" if each.expires is None else f"until {_time(each.expires)}"
    expired = " (expired)" if each.is_expired(now) else ""
    return f"{each.name}  {','.join(each.scopes)}  {quota}  {until}{expired}  {each.identity}"


def _report(each: Token) -> dict[str, object]:
    return {
        "name": each.name,
        "identity": each.identity,
        "scopes": list(each.scopes),
        "quota_per_minute": each.quota,
        "expires": None if each.expires is None else _time(each.expires),
        "created": _time(each.created),
    }


def _time(seconds: int) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
