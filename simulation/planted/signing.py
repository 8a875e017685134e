"""Bugs in who signs: by which right, with which key, on which ticket, together with whom.

Each is one mistake, put in while its context lasts.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final
from unittest.mock import patch

from simulation.planted.both import both
from watchtower.guard.presigned import SignedAhead
from watchtower.keys.cosign_company import Company
from watchtower.keys.delegated import DelegatedHand
from watchtower.keys.hands import Hand, Hands
from watchtower.keys.stored_key import UnsealedKey
from watchtower.keys.vault import Vault
from watchtower.response import presigned as presigned_module
from watchtower.response.bidding import Wish
from watchtower.response.bundle import Level, Presigned
from watchtower.response.forward import Forward
from watchtower.response.presigned import Ahead
from watchtower.response.respond import Responder
from watchtower.response.way import Way
from watchtower.units import Address, ChannelId

__all__ = ["BUGS"]


def any_key_signs() -> AbstractContextManager[Any]:
    """Whoever can sign does, whatever is configured."""

    def everybody(self: Hands, _account: Address) -> list[Hand]:
        return [*self._hands.values()]

    return patch.object(Hands, "_configured", everybody)


def stand_by_never_signs() -> AbstractContextManager[Any]:
    """Whoever is configured first is asked every time, and nobody stands by."""

    def first(self: Hands, side: Any) -> Hand | None:
        hand = next(iter(self._configured(side[0])), None)
        if hand is not None:
            self._chosen[side] = hand.right
        return hand

    def nobody(*_: Any, **__: Any) -> bool:
        return False

    return both(patch.object(Hands, "_choose", first), patch.object(Hands, "turn", nobody))


def revoked_delegate_tried_for_ever() -> AbstractContextManager[Any]:
    """A delegate whose permission was taken back goes on signing, and nobody else does."""

    def always(self: DelegatedHand, _account: Address) -> Way:
        return self._way

    def stay(_self: Responder) -> None:
        return

    return both(
        patch.object(DelegatedHand, "way", always),
        patch.object(Responder, "_turn_from_unfit", stay),
    )


def dead_ticket_tried_for_ever() -> AbstractContextManager[Any]:
    """What was signed ahead is tried on its ticket, though that is gone."""

    def alive(_self: SignedAhead, _presigned: Presigned) -> bool:
        return False

    def never(_self: Any, _newest: Any, _owed: Any) -> bool:
        return False

    return both(
        patch.object(SignedAhead, "is_burnt", alive),
        patch.object(presigned_module._Planner, "_is_gone", never),
    )


def second_ticket_forgotten() -> AbstractContextManager[Any]:
    """Of the tickets that stand for a channel only the first is tried."""
    usable = SignedAhead.usable

    def first(self: SignedAhead, channel: ChannelId) -> tuple[Presigned, ...]:
        tickets = {each.ticket for each in self.of(channel)[:1]}
        return tuple(each for each in usable(self, channel) if each.ticket in tickets)

    return patch.object(SignedAhead, "usable", first)


def lowest_level_only() -> AbstractContextManager[Any]:
    """Of the fees that were signed for ahead only the lowest is paid."""
    level = presigned_module._Planner._level

    def lowest(self: Any, wish: Wish, levels: Sequence[Level], **more: Any) -> Any:
        return level(self, wish, levels[:1], **more)

    return both(
        patch.object(presigned_module._Planner, "_level", lowest),
        patch.object(presigned_module._Planner, "_raise", lambda *_, **__: None),
    )


def partly_covered_is_enough() -> AbstractContextManager[Any]:
    """A claim that was signed ahead is taken for the best one, though a key could redeem more."""
    submit = Forward.submit

    async def no_more(self: Forward, obligations: Any, terms: Any) -> Any:
        ahead, sent = await submit(self, obligations, terms)
        channels = {o.channel for o in obligations if self._docket.presigned(o.channel)}
        rest = tuple(owed for owed in ahead.rest if owed.channel not in channels)
        return Ahead(submit=ahead.submit, left=ahead.left, rest=rest), sent

    return patch.object(Forward, "submit", no_more)


def one_cosigner_asked() -> AbstractContextManager[Any]:
    """Of several co-signers the first is asked, and nobody in its place when it is away."""

    def first(self: Company, _papers: Any, asked: Any, _waiting: Any) -> Any:
        return [] if asked else [*self._cosigners[:1]]

    return patch.object(Company, "_to_be_asked", first)


def key_once_fetched_is_kept() -> AbstractContextManager[Any]:
    """A key that has signed goes on signing, though it was rotated."""
    key_of = Vault.key_of
    kept: dict[tuple[int, Address], UnsealedKey] = {}

    async def same(self: Vault, account: Address) -> UnsealedKey:
        name = (id(self._store), account)
        if name not in kept:
            kept[name] = await key_of(self, account)
        return kept[name]

    return patch.object(Vault, "key_of", same)


BUGS: Final = (
    any_key_signs,
    stand_by_never_signs,
    revoked_delegate_tried_for_ever,
    dead_ticket_tried_for_ever,
    second_ticket_forgotten,
    lowest_level_only,
    partly_covered_is_enough,
    one_cosigner_asked,
    key_once_fetched_is_kept,
)
"""Every one of them."""
