"""What ``watchtower key rotate`` does between the store, the servers and a person."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import click
import msgspec

from watchtower.cli.asking import ask_mnemonic, ask_passphrase, ask_seed
from watchtower.cli.rotation_ledger import RotationLedger
from watchtower.cli.session import open_store
from watchtower.errors import ConfigError, RotationError
from watchtower.keys.killed_bundles import StoredBundles
from watchtower.keys.next_key import fresh_key, next_of_tree
from watchtower.keys.rotating import OwnerKey, Rotator
from watchtower.keys.rotation import NextStep, Rotation, Stage
from watchtower.keys.signer import SigningKey
from watchtower.keys.stored_key import UnsealedKey
from watchtower.keys.vault import Algorithm, Standing, StoredKey, Vault, key_of_seed
from watchtower.ledger.servers import Servers
from watchtower.settings import FeeSettings, Settings, refuse_unsafe
from watchtower.signer_settings import SignerSettings
from watchtower.store.database import Store
from watchtower.units import Address
from watchtower.wiring import limits_of, link_settings

__all__ = [
    "Origin",
    "Rotated",
    "Signing",
    "abandon_rotation",
    "begin_rotation",
    "of_rotation",
    "resume_rotation",
]

_PATIENCE: Final = 10.0

_SAID: Final = {
    NextStep.SIGN: "Signing the SetRegularKey.",
    NextStep.SEND: "Sent. Waiting for a validated ledger that names the new key.",
    NextStep.WAIT_FOR_SERVERS: (
        "The servers differ about the account's regular key. Waiting until they agree."
    ),
    NextStep.WAIT_FOR_OWNER: "Waiting for the SetRegularKey of the owner's wallet.",
    NextStep.NOTE_VALIDATED: "A validated ledger names the new key.",
    NextStep.CONCLUDE: "Proving the new key.",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where the next key comes from; ``fresh``: from no mnemonic."""

    fresh: bool
    index: int | None
    algorithm: str | None
    mnemonic_file: str | None
    mnemonic_passphrase: bool
    mnemonic_passphrase_file: str | None
    wallet: int | None

    def seed(self) -> bytes:
        """Return the seed of the mnemonic that a person or a file gives."""
        mnemonic = ask_mnemonic(self.mnemonic_file)
        wanted = self.mnemonic_passphrase
        return mnemonic.seed(ask_passphrase(self.mnemonic_passphrase_file, is_wanted=wanted))


@dataclass(frozen=True, slots=True, kw_only=True)
class Signing:
    """Who signs the SetRegularKey: a wallet that reads ``write``, a seed, or the key held here."""

    write: str | None
    seed_file: str | None
    with_held_key: bool

    @property
    def is_named(self) -> bool:
        """Whether somebody was named who signs it here."""
        return self.seed_file is not None or self.with_held_key


@dataclass(frozen=True, slots=True, kw_only=True)
class Rotated:
    """How far a rotation has come, and what it killed."""

    rotation: Rotation
    killed: tuple[str, ...] = ()
    kept_master: bool = False


def of_rotation(signer: SignerSettings, servers: Sequence[str], path: Path) -> Settings:
    """Return what a rotation needs, for keys that are in the store of a signer apart.

    The command is run by the signer's user, and alone goes to ``servers``; the signer itself goes
    on without a network.

    Raises:
        ConfigError: one of the servers cannot be used; ``path`` is the signer's configuration.
    """
    table = signer.signer
    made = Settings(
        accounts=(*signer.addresses, *signer.own),
        servers=tuple(servers),
        store=signer.store,
        fees=FeeSettings(cap_drops=table.fee_cap_drops, daily_cap_drops=table.daily_cap_drops),
    )
    refuse_unsafe(made, path)
    return made


async def begin_rotation(
    loaded: Settings, account: Address, origin: Origin, signing: Signing, *, quiet: bool
) -> Rotated:
    """Begin a rotation, and take it as far as it goes.

    Every secret is asked for, and held against the ledger, before anything is written.
    """
    async with _rotator(loaded, quiet=quiet) as (rotator, store):
        async with store.read() as work:
            known = await work.rotations.get(account)
        if known is not None and known.is_under_way:
            why = "another rotation is under way; go on with --resume, or give it up"
            raise RotationError(account=account, why=f"{why} with --abandon")
        new = await _next_key(store, account, origin)
        owner = None if signing.write is not None else _owner(store, account, signing)
        if owner is not None:
            await rotator.check_owner(account, await owner())
        await rotator.begin(new)
        return await _go_on(rotator, store, account, signing, owner)


async def resume_rotation(
    loaded: Settings, account: Address, signing: Signing, *, quiet: bool
) -> Rotated:
    """Go on with a rotation, wherever it was interrupted."""
    async with _rotator(loaded, quiet=quiet) as (rotator, store):
        async with store.read() as work:
            known = await work.rotations.get(account)
        waits = known is not None and known.stage is Stage.HANDED_OVER and not signing.is_named
        owner = None if waits else _owner(store, account, signing)
        return await _go_on(rotator, store, account, signing, owner)


async def abandon_rotation(loaded: Settings, account: Address, *, quiet: bool) -> Rotation:
    """Give up a rotation that the ledger has not seen."""
    async with _rotator(loaded, quiet=quiet) as (rotator, _):
        return await rotator.abandon(account)


async def _go_on(
    rotator: Rotator,
    store: Store,
    account: Address,
    signing: Signing,
    owner: OwnerKey | None,
) -> Rotated:
    if signing.write is not None:
        _write(await rotator.hand_over(account), Path(signing.write))
        async with store.read() as work:
            handed = await work.rotations.get(account)
        if handed is None:
            raise RotationError(account=account, why="it was given up meanwhile")
        return Rotated(rotation=handed, killed=tuple(await rotator.killed_by(handed)))
    rotation = await rotator.carry_on(account, owner)
    cards = [card for card in await Vault(store).cards() if card.account == account]
    return Rotated(
        rotation=rotation,
        killed=tuple(await rotator.killed_by(rotation)),
        kept_master=any(card.standing is Standing.FORMER for card in cards),
    )


@asynccontextmanager
async def _rotator(loaded: Settings, *, quiet: bool) -> AsyncIterator[tuple[Rotator, Store]]:
    """Open the store and the way to the ledger; unless ``quiet``, steps are told as they come."""
    said: list[NextStep] = []

    def say(sentence: str) -> None:
        if not quiet:
            click.echo(sentence, err=True)

    def told(_: Rotation, step: NextStep) -> None:
        if said[-1:] != [step] and step in _SAID:
            said.append(step)
            say(_SAID[step])

    limits = limits_of(loaded)
    async with (
        open_store(loaded) as store,
        Servers.connected(
            loaded.servers, _PATIENCE, network_id=store.network, settings=link_settings(loaded)
        ) as servers,
    ):
        ledger = RotationLedger(servers, last_ledger_offset=limits.last_ledger_offset)
        yield (
            Rotator(
                store,
                ledger,
                fee_cap=limits.fees.cap,
                tell=told,
                bundles=StoredBundles(store),
            ),
            store,
        )


async def _next_key(store: Store, account: Address, origin: Origin) -> StoredKey:
    cards = await Vault(store).cards()
    present = next((card for card in cards if card.account == account), None)
    told = origin.algorithm or (Algorithm.SECP256K1 if present is None else present.algorithm)
    algorithm = Algorithm(told)
    if origin.fresh:
        return fresh_key(account, algorithm)
    return next_of_tree(
        origin.seed(),
        account,
        present,
        algorithm=algorithm,
        index=origin.index,
        wallet=origin.wallet,
    )


def _owner(store: Store, account: Address, signing: Signing) -> OwnerKey:
    """Return who fetches the key that signs the SetRegularKey, once, when it is needed."""
    found: list[SigningKey] = []

    async def fetch() -> SigningKey:
        if signing.with_held_key:
            return await Vault(store).key_of(account)
        if not found:
            seed = ask_seed(signing.seed_file, f"Seed that signs for {account}")
            found.append(UnsealedKey(key_of_seed(account, seed)))
        return found[0]

    return fetch


def _write(transaction: dict[str, object], path: Path) -> None:
    """Write an unsigned transaction, over nothing that is there."""
    try:
        with path.open("xb") as file:
            file.write(msgspec.json.format(msgspec.json.encode(transaction)) + b"\n")
    except OSError as problem:
        raise ConfigError(path=path, why=f"it is not written: {problem.strerror}") from None
