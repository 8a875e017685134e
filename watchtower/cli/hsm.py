"""``watchtower hsm``: keys in a PKCS #11 token, and the store wrapped by one of them.

A PIN comes from a file, a credential, the environment or a hidden prompt; no command takes it.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import click
from xrpl.core.keypairs import derive_classic_address

from watchtower.cli.listed import Listed
from watchtower.cli.output import examples, json_option, tell
from watchtower.cli.session import hsm as hsm_of_session
from watchtower.cli.session import new_passphrase, open_store, run_async, settings
from watchtower.errors import ConfigError
from watchtower.hsm_access import hsm_keys_of
from watchtower.keys.hsm_values import HsmKeyCard
from watchtower.keys.store_key import HSM, label_of, slot_by_hsm
from watchtower.keys.vault import Algorithm
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.header import PASSPHRASE, Slot
from watchtower.store.tables import FORMAT

if TYPE_CHECKING:
    from watchtower.keys.hsm import Hsm

__all__ = ["hsm"]

_STORE_KEY = "watchtower-store"


@click.group(cls=Listed)
def hsm() -> None:
    """Keys in a hardware security module (PKCS #11), which sign without leaving it."""


@hsm.command(
    epilog=examples(
        "watchtower hsm create --label payee-redeem --algorithm secp256k1",
        "watchtower hsm create --label shop --algorithm ed25519 --json",
    )
)
@click.option("--label", required=True, help="What the key is to be called in the token.")
@click.option(
    "--algorithm",
    type=click.Choice([algorithm.value for algorithm in Algorithm]),
    default=Algorithm.SECP256K1.value,
    show_default=True,
    help="What kind of key; a token may lack one of them.",
)
@json_option
def create(label: str, algorithm: str, *, as_json: bool) -> None:
    """Make a key that never leaves the token, and say what it has to be told to."""
    card = run_async(_create(settings(), label, Algorithm(algorithm)))
    report = _report(card)
    text = (
        f"Made the {card.algorithm} key {card.label}: {card.public_key}\n"
        f"It is the master key of {report['address']}. For another account, have that name it as "
        "its regular key (SetRegularKey), and say so in the configuration:\n\n"
        f'    [[hsm.keys]]\n    account = "r…"\n    label = "{card.label}"\n    regular_key = true'
    )
    tell(report, text, as_json=as_json)


@hsm.command(name="list", epilog=examples("watchtower hsm list", "watchtower hsm list --json"))
@json_option
def list_keys(*, as_json: bool) -> None:
    """List the keys of the token that can be an account's, and whose they are here."""
    loaded = settings()
    cards = run_async(_cards(loaded))
    signs_for: dict[str, list[str]] = {}
    for key in loaded.hsm.keys:
        signs_for.setdefault(key.label, []).append(key.account)
    for card in cards:
        accounts = signs_for.get(card.label, [])
        whose = f"signs for {', '.join(accounts)}" if accounts else "signs for nobody here"
        warning = "" if card.never_leaves else "  CAN LEAVE THE TOKEN"
        text = f"{card.label}  {card.algorithm}  {card.public_key}  {whose}{warning}"
        tell({**_report(card), "accounts": accounts}, text, as_json=as_json)
    if not cards and not as_json:
        click.echo("The token has no such keys. Make one with `watchtower hsm create`.")


@hsm.command(epilog=examples("watchtower hsm check", "watchtower hsm check --last-try"))
@click.option(
    "--last-try", is_flag=True, help="Try the PIN although a wrong one would lock the token."
)
@json_option
def check(*, last_try: bool, as_json: bool) -> None:
    """Have every configured key sign something that is no transaction, and verify it."""
    cards = run_async(_check(settings(), last_try=last_try))
    for account, card in cards:
        warning = "" if card.never_leaves else " The key CAN LEAVE THE TOKEN."
        text = f"{account}: the key {card.label} signs, and its signature is good.{warning}"
        tell({"account": account, **_report(card)}, text, as_json=as_json)
    if not cards and not as_json:
        click.echo("The token opens. `hsm.keys` names none of its keys.")


@hsm.command(
    epilog=examples(
        "watchtower hsm wrap-store                       # from now on, no token, no store",
        "watchtower hsm wrap-store --keep-passphrase     # token or passphrase, whichever is there",
    )
)
@click.option("--label", default=_STORE_KEY, show_default=True, help="The token's AES key.")
@click.option("--keep-passphrase", is_flag=True, help="Let what opens the store now do so as well.")
@json_option
def wrap_store(label: str, *, keep_passphrase: bool, as_json: bool) -> None:
    """Wrap the store's master key by a key of the token, which is made if it is not there.

    Without --keep-passphrase the store opens with this token alone: one that is lost or broken is
    the end of the store, unless the token's own backup brings that key back. With it, whoever
    knows the passphrase needs no token. Backups open as they did when they were made.
    """
    loaded = settings()
    run_async(_wrap(loaded, label, keep_passphrase=keep_passphrase))
    beside = "or the passphrase" if keep_passphrase else "and nothing else"
    text = f"{loaded.store} opens with the key {label} of the token {loaded.hsm.token}, {beside}."
    report = {"store": loaded.store, "token": loaded.hsm.token, "label": label}
    tell({**report, "passphrase": keep_passphrase}, text, as_json=as_json)


@hsm.command(epilog=examples("watchtower hsm unwrap-store"))
@json_option
def unwrap_store(*, as_json: bool) -> None:
    """Have the other ways open the store, or a passphrase, and no token. Its key stays in it."""
    loaded = settings()
    ways = run_async(_unwrap(loaded))
    text = f"{loaded.store} opens by {', '.join(ways)}, and by no token."
    tell({"store": loaded.store, "passphrase": PASSPHRASE in ways}, text, as_json=as_json)


async def _create(loaded: Settings, label: str, algorithm: Algorithm) -> HsmKeyCard:
    async with _token(loaded) as token:
        made = await token.make_key(label, algorithm)
        await made.prove()
        return made.card


async def _cards(loaded: Settings) -> list[HsmKeyCard]:
    async with _token(loaded) as token:
        return await token.keys()


async def _check(loaded: Settings, *, last_try: bool) -> list[tuple[str, HsmKeyCard]]:
    async with _token(loaded, last_try=last_try) as token:
        # Whoever configured no keys wants to know whether the token opens.
        cards = {card.label: card for card in await token.keys()}
        keys = hsm_keys_of(token, loaded.hsm)
        for account in keys.accounts:
            await keys.prove(account)
        return [(key.account, cards[key.label]) for key in loaded.hsm.keys]


async def _wrap(loaded: Settings, label: str, *, keep_passphrase: bool) -> None:
    async with open_store(loaded) as store, _token(loaded) as token:
        known = await store.slots()
        before = [slot for slot in known if slot.kind != HSM]

        async def make(master: bytes) -> list[Slot]:
            slot = await slot_by_hsm(token, label, master, FORMAT)
            return [slot, *before] if keep_passphrase else [slot]

        if keep_passphrase and all(slot.kind != PASSPHRASE for slot in before):
            why = "no passphrase opens the store; run `watchtower hsm unwrap-store` first"
            raise ConfigError(path=loaded.store, why=why)
        await store.replace_slots(make, known=known)
        await _note(store, "store_wrapped", {"label": label, "passphrase": keep_passphrase})


async def _unwrap(loaded: Settings) -> list[str]:
    async with open_store(loaded) as store:
        slots = await store.slots()
        if all(slot.kind != HSM for slot in slots):
            raise ConfigError(path=loaded.store, why="no token opens the store, as it is")
        kept = [slot for slot in slots if slot.kind != HSM]
        if kept:

            async def make(_: bytes) -> list[Slot]:
                return kept

            await store.replace_slots(make, known=slots)
        else:
            await store.rewrap(new_passphrase(), known=slots)
        labels = [told[1] for slot in slots if (told := label_of(slot)) is not None]
        await _note(store, "store_unwrapped", {"labels": labels})
        return [slot.kind for slot in await store.slots()]


async def _note(store: Store, kind: str, facts: dict[str, object]) -> None:
    async with store.write() as work:
        await work.journal.append(kind, facts=facts)


@asynccontextmanager
async def _token(loaded: Settings, *, last_try: bool = False) -> AsyncIterator[Hsm]:
    token = hsm_of_session(loaded, last_try=last_try)
    if token is None:
        why = "`module` and `token` are not set, so there is no token"
        raise ConfigError(path="[hsm]", why=why)
    try:
        yield token
    finally:
        await token.close()


def _report(card: HsmKeyCard) -> dict[str, object]:
    return {
        "label": card.label,
        "algorithm": card.algorithm.value,
        "public_key": card.public_key,
        "address": derive_classic_address(card.public_key),
        "never_leaves": card.never_leaves,
    }
