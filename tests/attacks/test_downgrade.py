"""Attack: have the tower sign with a stronger key than was configured.

The attacker knows that a stronger key lies in the store, because it was imported once and never
taken out. It can make every weaker hand fail whenever it likes: cut off the signer or the
co-signers, take a permission back, answer for all servers that a signature is no good. It cannot
write the configuration. What it wants is that the tower, rather than redeem nothing, takes the
strong key out: for then that key is at work on a machine that the attacker may hope to own.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.tower.conftest import XRP, Stage
from watchtower.errors import KeyMissingError, MasterKeyIdleError, SigningError, SigningRefusedError
from watchtower.keys.authority import Right
from watchtower.keys.hands import Hands
from watchtower.keys.signer import SignedTransaction
from watchtower.keys.vault import Algorithm, Vault
from watchtower.response.way import Way
from watchtower.sandbox.people import Person
from watchtower.settings import AccountSettings, AuthoritySettings
from watchtower.units import Address, ChannelId, TxHash

ACCOUNT = Address("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh")
CHANNELS = [ChannelId(letter * 64) for letter in "ABC"]
_FAILURES: tuple[SigningError | None, ...] = (
    None,
    KeyMissingError(account=ACCOUNT),
    SigningRefusedError(why="no"),
)


@dataclass
class Hand:
    """A hand that could always sign, unless the attacker makes it fail."""

    right: Right
    fails: SigningError | None = None
    has_way: bool = True
    used: list[Mapping[str, Any]] = field(default_factory=list)

    def way(self, _account: Address) -> Way | None:
        """As the attacker has it."""
        return Way() if self.has_way else None

    def why_idle(self, account: Address) -> SigningError:
        """It has no way because the attacker hides it."""
        return KeyMissingError(account=account)

    async def sign(self, transaction: Mapping[str, Any]) -> SignedTransaction:
        """Note that it was asked, and sign."""
        self.used.append(transaction)
        if self.fails is not None:
            raise self.fails
        return SignedTransaction(blob="", transaction=TxHash(""))

    async def sign_each(
        self, transactions: Iterable[Mapping[str, Any]]
    ) -> AsyncIterator[SignedTransaction]:
        """Sign one after the other."""
        for transaction in transactions:
            yield await self.sign(transaction)


moves = st.tuples(
    st.sampled_from(["fail", "heal", "hide", "show", "turn", "way", "sign", "wait"]),
    st.sampled_from(list(Right)),
    st.sampled_from(CHANNELS),
    st.sampled_from(_FAILURES[1:]),
)


@given(
    configured=st.lists(st.sampled_from(list(Right)), unique=True),
    steps=st.lists(moves, max_size=40),
    doubted=st.sets(st.sampled_from(list(Right))),
)
async def test_no_failure_of_weak_hands_brings_out_a_right_that_was_not_configured(
    configured: list[Right], steps: list[Any], doubted: set[Right]
) -> None:
    """Whatever fails, in whatever order, and whatever the ledger is said to think of it."""
    every = {right: Hand(right) for right in Right}
    time = [0.0]
    hands = Hands(
        every.values(),
        {ACCOUNT: configured},
        clock=lambda: time[0],
        is_doubted=lambda _account, right: right in doubted,
    )
    for what, right, channel, why in steps:
        match what:
            case "fail" | "heal":
                every[right].fails = why if what == "fail" else None
            case "hide" | "show":
                every[right].has_way = what == "show"
            case "turn":
                hands.turn(ACCOUNT, channel, why, by=right.value)
            case "way":
                hands.way(ACCOUNT, channel)
            case "sign":
                with suppress(SigningError):
                    await hands.sign({"Account": ACCOUNT, "Channel": channel})
            case _:
                time[0] += 45

    assert {right for right, hand in every.items() if hand.used} <= set(configured)
    assert set(hands.may_act(ACCOUNT)) <= set(configured)


@given(configured=st.lists(st.sampled_from(list(Right)), unique=True))
async def test_an_account_that_is_not_named_is_signed_for_by_nobody(
    configured: list[Right],
) -> None:
    """Rights of one account are none of another."""
    every = [Hand(right) for right in Right]
    stranger = Address("rrrrrrrrrrrrrrrrrrrrBZbvji")
    hands = Hands(every, {ACCOUNT: configured}, clock=lambda: 0.0)

    with pytest.raises(SigningError):
        await hands.sign({"Account": stranger, "Channel": CHANNELS[0]})

    assert not any(hand.used for hand in every)


@pytest.mark.parametrize("is_renamed", [False, True])
async def test_a_master_key_that_nobody_allowed_redeems_nothing(
    stage: Stage, *, is_renamed: bool
) -> None:
    """Not even the last claim of a channel that closes, and whatever it was imported as."""
    stage.with_settings(authority=AuthoritySettings())
    if is_renamed:
        async with stage.store() as store:
            await Vault(store).import_seed(
                stage.payee.address,
                stage.payee.seed,
                algorithm=Algorithm.SECP256K1,
                regular_key=True,
            )
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_told(channel, "judged")
        for _ in range(5):
            await stage.sandbox.accept()
    with_once = stage.tower(once=True)
    async with with_once as daemon:
        with pytest.raises(MasterKeyIdleError):
            await daemon

    assert await stage.balance(channel) == 0


async def test_servers_that_call_a_regular_key_bad_do_not_bring_out_the_master_key(
    stage: Stage,
) -> None:
    """The account's own master key is in the store, and its regular key alone may act.

    The account has no such regular key, so that every server answers ``tefBAD_AUTH``, again and
    again; the store has no room for two keys of one account, so the master key is a payer's here.
    """
    regular = Person.named("a regular key that was changed")
    stage.with_settings(
        accounts=(
            stage.payee.address,
            AccountSettings(stage.payer.address, "payer", rights=("regular_key",)),
        ),
        authority=AuthoritySettings(allow_master_key=True),
    )
    async with stage.store() as store:
        await Vault(store).import_seed(stage.payee.address, regular.seed, regular_key=True)
        await Vault(store).import_seed(
            stage.payer.address, stage.payer.seed, algorithm=Algorithm.SECP256K1
        )
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        (made, *_) = await stage.until_told(channel, "attempt_made", 2)

    assert made.facts["by"] == "regular_key"
    assert await stage.balance(channel) == 0
