"""What most commands begin with: the settings, the passphrase, the store, a way to the ledger."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Callable, Coroutine, Mapping
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from watchtower.errors import AnswerError, ConfigError
from watchtower.hsm_access import hsm_of
from watchtower.keys.key_file import KeyInFile, key_credential, key_file
from watchtower.keys.passphrase import find_passphrase, find_word
from watchtower.keys.ways import AnyWayIn, Word
from watchtower.ledger.servers import Servers
from watchtower.logs import configure
from watchtower.settings import CONFIG_VARIABLE, Settings, config_path, load
from watchtower.signer_settings import SignerSettings, is_of_signer, load_signer
from watchtower.store.database import Store
from watchtower.store.migrating import copies_of
from watchtower.units import RippleTime

if TYPE_CHECKING:
    from watchtower.keys.hsm import Hsm

__all__ = [
    "asked_word",
    "hsm",
    "keys_in_files",
    "ledger_time",
    "new_passphrase",
    "open_store",
    "passphrase",
    "refuse_keys_here",
    "run_async",
    "settings",
    "settings_of_keys",
    "signer_settings",
    "way_in",
]

Result = TypeVar("Result")


def settings(environment: Mapping[str, str] = os.environ, *, is_daemon: bool = False) -> Settings:
    """Load the settings, and set logging up by them.

    A command that answers a person logs nothing but our own mistakes: what goes wrong with a
    server is in its answer.
    """
    loaded = load(config_path(environment), environment)
    configure(level=loaded.log.level if is_daemon else "error", as_json=loaded.log.json)
    return loaded


def signer_settings(
    environment: Mapping[str, str] = os.environ, *, is_daemon: bool = False
) -> SignerSettings:
    """Load the settings of a signer apart, and set logging up by them."""
    loaded = load_signer(config_path(environment))
    configure(level=loaded.log.level if is_daemon else "error", as_json=loaded.log.json)
    return loaded


def settings_of_keys(environment: Mapping[str, str] = os.environ) -> Settings | SignerSettings:
    """Load the settings of whoever keeps keys: the daemon, or a signer apart."""
    if is_of_signer(config_path(environment)):
        return signer_settings(environment)
    return settings(environment)


def refuse_keys_here(
    loaded: Settings | SignerSettings, environment: Mapping[str, str] = os.environ
) -> None:
    """Refuse to keep a key in the store of a daemon whose keys are with a signer.

    Raises:
        ConfigError: it is such a daemon's.
    """
    if isinstance(loaded, Settings) and loaded.keys.signer:
        why = (
            f"`keys.signer` names the signer at {loaded.keys.signer}, which holds the keys, and "
            f"none belongs here: run this with {CONFIG_VARIABLE} at the signer's own configuration"
        )
        raise ConfigError(path=config_path(environment), why=why)


def passphrase(environment: Mapping[str, str] = os.environ) -> str:
    """Return the passphrase, asking a person for it only at a terminal."""
    return find_passphrase(environment, _prompt("Passphrase", confirm=False))


def new_passphrase(environment: Mapping[str, str] = os.environ) -> str:
    """Return the passphrase of a store to be made; a person writes it twice."""
    return find_passphrase(environment, _prompt("Passphrase", confirm=True))


@asynccontextmanager
async def open_store(loaded: Settings | SignerSettings) -> AsyncIterator[Store]:
    """Open the store that the settings name; say what a person should know of it."""
    path = Path(loaded.store)
    before = copies_of(path)
    async with await Store.open(path, way_in(loaded)) as store:
        for copy in sorted(copies_of(path) - before):
            said = "was brought to a newer format, and is kept as it was before in"
            click.echo(f"The store {path} {said} {copy}.", err=True)
        if isinstance(loaded, Settings) and loaded.head.files:
            # Only who keeps heads pays for what it takes to.
            from watchtower.heads import tell_of_heads  # noqa: PLC0415

            await tell_of_heads(store, loaded, partial(click.echo, err=True))
        yield store


def way_in(
    loaded: Settings | SignerSettings,
    environment: Mapping[str, str] = os.environ,
    word: Word | None = None,
) -> AnyWayIn:
    """Return what opens a store, by whichever way is at hand, and opens it again.

    ``word`` gives the passphrase. Without it a person is asked, once: a daemon whose store got
    another master key cannot ask. It has to find the passphrase where it was put, or is started
    again.
    """
    token = hsm(loaded, environment) if isinstance(loaded, Settings) else None
    return AnyWayIn(word or asked_word(environment), token, keys_in_files(loaded, environment))


def asked_word(environment: Mapping[str, str] = os.environ) -> Word:
    """Return what finds the passphrase, and asks a person for it once, at a terminal."""
    prompts = [_prompt("Passphrase", confirm=False)]

    def asked() -> str | bytearray:
        return find_word(environment, prompts.pop() if prompts else None)

    return asked


def keys_in_files(
    loaded: Settings | SignerSettings, environment: Mapping[str, str] = os.environ
) -> list[KeyInFile]:
    """Return the ways into the store by a credential, and by a file."""
    return [key_credential(environment), key_file(loaded.vault.key_file, environment)]


def hsm(
    loaded: Settings, environment: Mapping[str, str] = os.environ, *, last_try: bool = False
) -> Hsm | None:
    """Return the token of the settings; a person is asked for its PIN only at a terminal."""
    prompt = _prompt("PIN of the token", confirm=False)
    return hsm_of(loaded.hsm, environment, prompt, last_try=last_try)


async def ledger_time(servers: Servers) -> RippleTime:
    """Return the close time of the newest validated ledger.

    Raises:
        LedgerError: no server could tell.
    """
    result = await servers.ask("ledger", ledger_index="validated")
    ledger = result.get("ledger")
    close_time = ledger.get("close_time") if isinstance(ledger, Mapping) else None
    if not isinstance(close_time, int):
        raise AnswerError(server="A server", command="ledger", why="it has no close time")
    return RippleTime(close_time)


def run_async(main: Coroutine[Any, Any, Result]) -> Result:
    """Run a command's asynchronous part."""
    return asyncio.run(main)


def _prompt(what: str, *, confirm: bool) -> Callable[[], str] | None:
    if not sys.stdin.isatty():
        return None

    def ask() -> str:
        answer: str = click.prompt(what, hide_input=True, confirmation_prompt=confirm, err=True)
        return answer

    return ask
