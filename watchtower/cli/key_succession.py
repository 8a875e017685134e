"""The plan for a channel whose claim key is rotated; it is told, and not carried out."""

from __future__ import annotations

import re
from typing import Final, Protocol

import msgspec

from watchtower.cli.output import tell
from watchtower.cli.session import open_store, run_async, settings
from watchtower.errors import ClaimUnknownChannelError, PublicKeyError, RotationError
from watchtower.keys.derivation import derive
from watchtower.keys.succession import plan_succession
from watchtower.keys.tree import KeyPath, Purpose
from watchtower.keys.vault import Algorithm
from watchtower.ledger.events import ChannelChanged, ChannelEntry
from watchtower.ledger.servers import Servers
from watchtower.settings import Settings
from watchtower.units import ChannelId, Drops
from watchtower.wiring import link_settings

__all__ = ["tell_succession"]

_KEY: Final = re.compile(r"(?:02|03|ED)[0-9A-F]{64}\Z", re.ASCII)
_PATIENCE: Final = 10.0


class _Origin(Protocol):
    """Where the new key comes from, if it is derived."""

    @property
    def index(self) -> int | None:
        """Which key of the claim branch."""
        ...

    @property
    def wallet(self) -> int | None:
        """The account number of BIP-44."""
        ...

    @property
    def algorithm(self) -> str | None:
        """Of the key; secp256k1 if None."""
        ...

    def seed(self) -> bytes:
        """Ask for the mnemonic, and return its seed."""
        ...


def tell_succession(
    channel: ChannelId, public_key: str | None, origin: _Origin, *, as_json: bool
) -> None:
    """Tell the plan for ``channel``; the new key is ``public_key``, or one of the claim branch.

    Raises:
        ClaimUnknownChannelError: the ledger has no such channel.
        RotationError: the new key is the channel's own.
        LedgerError: no server could tell of the channel.
    """
    new_key, path = (_parsed(public_key), None) if public_key else _derived(origin)
    entry, best = run_async(_look(settings(), channel))
    if new_key == entry.public_key:
        why = f"the new claim key of {channel} is the one that it has"
        raise RotationError(account=entry.source, why=why)
    plan = plan_succession(entry, new_key, best)
    report = {
        "channel": channel,
        "public_key": new_key,
        "path": path,
        "create": plan.create,
        "steps": [{"who": step.who, "what": step.what} for step in plan.steps],
    }
    lines = [
        (
            f"The key of {channel} cannot be changed; it is followed by another channel. "
            "Nothing was done."
        ),
        *(f"{place}. {step.who}: {step.what}" for place, step in enumerate(plan.steps, 1)),
        msgspec.json.format(msgspec.json.encode(plan.create)).decode(),
    ]
    tell(report, "\n".join(lines), as_json=as_json)


def _parsed(public_key: str) -> str:
    key = public_key.upper()
    if not _KEY.match(key):
        raise PublicKeyError(text=public_key)
    return key


def _derived(origin: _Origin) -> tuple[str, str]:
    path = KeyPath(
        purpose=Purpose.CLAIM,
        index=origin.index or 0,
        wallet=origin.wallet or 0,
        is_ed25519=origin.algorithm == Algorithm.ED25519,
    )
    return derive(origin.seed(), path).public_key, str(path)


async def _look(loaded: Settings, channel: ChannelId) -> tuple[ChannelEntry, Drops | None]:
    async with open_store(loaded) as store:
        async with store.read() as work:
            best = await work.claims.best(channel)
        async with Servers.connected(
            loaded.servers, _PATIENCE, network_id=store.network, settings=link_settings(loaded)
        ) as servers:
            found = await servers.read_channel(channel)
    if not isinstance(found, ChannelChanged):
        raise ClaimUnknownChannelError(channel=channel)
    return found.entry, None if best is None else best.amount
