"""Attack: the thief has the tower, and by it the right to send claims in a payee's name.

The permission covers ``PaymentChannelClaim`` in all its forms, so the *ledger* takes more from a
delegate than it is asked for. Two things stand against a thief. What the tower signs is less: a
thief that can only ask the signer (a plan it forges, a socket it stole) gets claims that redeem,
for the payees in the configuration, and nothing else. And a thief that has the key itself, and
sends from elsewhere, is seen in the ledger in which it does so.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st

from tests.keys.conftest import ED25519_ACCOUNT, SECP256K1_ACCOUNT
from tests.store import make
from tests.tower.conftest import TF_CLOSE, XRP, Stage
from tests.tower.test_delegated import CLAIMING, TOWER, claims, delegated_on, permit
from watchtower.errors import SigningRefusedError
from watchtower.keys.delegated import DelegatedHand, OwnKey
from watchtower.keys.permission import why_not_delegated
from watchtower.keys.vault import Vault
from watchtower.settings import AccountSettings
from watchtower.units import Address, ChannelId, Drops

PAYEE: Final = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")
CAP: Final = Drops(1_000_000)
CLAIM: Final[dict[str, Any]] = {
    "TransactionType": "PaymentChannelClaim",
    "Account": PAYEE,
    "Channel": "C5" * 32,
    "Amount": "500",
    "Balance": "400",
    "Signature": "AB" * 64,
    "PublicKey": "ED" + "5A" * 32,
    "Fee": "1000",
    "LastLedgerSequence": 108,
    "Sequence": 7,
}
COMMON: Final = {name: CLAIM[name] for name in ("Fee", "LastLedgerSequence", "Sequence")}
WISHES: Final[dict[str, dict[str, Any]]] = {
    "close an inbound channel": {**CLAIM, "Flags": TF_CLOSE},
    "close it and claim nothing": {
        **COMMON,
        "TransactionType": "PaymentChannelClaim",
        "Account": PAYEE,
        "Channel": "C5" * 32,
        "Flags": TF_CLOSE,
    },
    "pay an outbound channel out without a claim": {
        name: value for name, value in CLAIM.items() if name not in {"Signature", "PublicKey"}
    },
    "renew a channel": {**CLAIM, "Flags": 0x00010000},
    "send the payee's money": {
        **COMMON,
        "TransactionType": "Payment",
        "Account": PAYEE,
        "Amount": "1",
        "Destination": SECP256K1_ACCOUNT,
    },
    "permit another thief": {
        **COMMON,
        "TransactionType": "DelegateSet",
        "Account": PAYEE,
        "Authorize": ED25519_ACCOUNT,
        "Permissions": CLAIMING,
    },
    "lock up the payee's reserve": {
        **COMMON,
        "TransactionType": "TicketCreate",
        "Account": PAYEE,
        "TicketCount": 250,
    },
    "claim for an account that nobody configured": {**CLAIM, "Account": ED25519_ACCOUNT},
    "claim for the tower itself": {**CLAIM, "Account": SECP256K1_ACCOUNT},
    "burn the fee money": {**CLAIM, "Fee": str(CAP + 1)},
    "claim as another's delegate": {**CLAIM, "Delegate": ED25519_ACCOUNT},
    "claim as its own delegate": {**CLAIM, "Delegate": SECP256K1_ACCOUNT},
    "have co-signers sign more": {**CLAIM, "Signers": []},
}


@pytest.mark.parametrize("wish", WISHES.values(), ids=WISHES.keys())
async def test_a_thief_that_can_only_ask_gets_nothing_but_claims_signed(
    tmp_path: Path, wish: dict[str, Any]
) -> None:
    """By the hand itself, with the real key behind it; and the claim itself is still signed."""
    async with await make.store(tmp_path / "watchtower.db") as store:
        vault = Vault(store)
        await vault.import_seed(SECP256K1_ACCOUNT, "snoPBrXtMeMyMHUVTgbuqAfg1SUTb")
        hand = DelegatedHand(
            OwnKey(vault, SECP256K1_ACCOUNT),
            [PAYEE],
            CAP,
            delegate=SECP256K1_ACCOUNT,
            stands=lambda _account: True,
        )
        assert (await hand.sign(CLAIM)).blob
        with pytest.raises(SigningRefusedError):
            await hand.sign(wish)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "Flags": st.integers(0, 2**32 - 1),
            "TransactionType": st.sampled_from(
                ["PaymentChannelClaim", "PaymentChannelFund", "PaymentChannelCreate", "Payment"]
            ),
            "Account": st.sampled_from([PAYEE, SECP256K1_ACCOUNT, ED25519_ACCOUNT]),
            "Delegate": st.sampled_from([PAYEE, SECP256K1_ACCOUNT, ED25519_ACCOUNT]),
            "Signature": st.sampled_from(["AB" * 64, "", None]),
            "PublicKey": st.sampled_from(["ED" + "5A" * 32, None]),
            "CredentialIDs": st.just(["A" * 64]),
            "Memos": st.just([]),
        },
    ),
    st.sets(st.sampled_from(["Signature", "PublicKey", "Balance", "Amount", "Sequence"])),
)
def test_whatever_is_signed_as_a_delegate_redeems_and_never_closes(
    changes: dict[str, Any], without: set[str]
) -> None:
    """Over all combinations: a claim of ours, with its signature, and no flag that acts."""
    wish = {**CLAIM, "Delegate": SECP256K1_ACCOUNT, **changes}
    wish = {name: value for name, value in wish.items() if name not in without}
    if why_not_delegated(wish, [PAYEE, SECP256K1_ACCOUNT], CAP, SECP256K1_ACCOUNT) is None:
        assert wish["TransactionType"] == "PaymentChannelClaim"
        assert (wish["Account"], wish["Delegate"]) == (PAYEE, SECP256K1_ACCOUNT)
        assert wish.get("Flags", 0) in {0, 0x80000000}
        assert wish["Signature"]
        assert wish["PublicKey"]
        assert wish.keys() <= {*CLAIM, "Delegate", "Flags"}


async def until_said(stage: Stage, logs: list[Any], name: str) -> None:
    """Wait until the tower has told an alarm."""

    async def told() -> bool:
        return any(log.get("event") == "alarm" and log.get("name") == name for log in logs)

    await stage.until(told)


async def steal(stage: Stage, channel: ChannelId, **fields: Any) -> str:
    """The thief sends a claim with the tower's key, from a machine of its own."""
    theft = {
        "TransactionType": "PaymentChannelClaim",
        "Account": stage.payee.address,
        "Delegate": TOWER.address,
        "Channel": channel,
        **fields,
    }
    found = await stage.hand.settle(theft, TOWER)
    result: str = found["meta"]["TransactionResult"]
    return result


async def test_a_thief_that_closes_an_inbound_channel_by_the_stolen_key_is_told(
    tmp_path: Path,
) -> None:
    """The ledger lets it, and what was unclaimed goes back; people hear of it at once."""
    async with delegated_on(tmp_path) as stage:
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        await permit(stage)
        with structlog.testing.capture_logs() as logs:
            async with stage.tower():
                await stage.until_told(channel, "judged")
                assert await steal(stage, channel, Flags=TF_CLOSE) == "tesSUCCESS"
                assert await stage.balance(channel) == -1
                await until_said(stage, logs, "foreign_close")
                await until_said(stage, logs, "key_used_elsewhere")
        assert any(TOWER.address in str(log) for log in logs if log.get("event") == "alarm")


async def test_a_thief_that_pays_out_what_the_payee_itself_funds_is_told(tmp_path: Path) -> None:
    """No claim is needed for it: the source pays, and the tower's key speaks for the source."""
    async with delegated_on(tmp_path) as stage:
        watched = await stage.channel()
        await stage.keep(watched, XRP)
        outbound = await stage.hand.create_channel(stage.payee, stage.payer, 70 * XRP, 3600)
        await permit(stage)
        with structlog.testing.capture_logs() as logs:
            async with stage.tower():
                await stage.until_told(watched, "judged")
                assert await steal(stage, outbound, Balance=str(70 * XRP)) == "tesSUCCESS"
                assert await stage.balance(outbound) == 70 * XRP
                await until_said(stage, logs, "key_used_elsewhere")


async def test_a_permission_that_nobody_configured_is_never_used(tmp_path: Path) -> None:
    """Whoever makes the payee permit the tower gains nothing: the account has other rights."""
    async with delegated_on(tmp_path) as stage:
        account = AccountSettings(address=stage.payee.address, rights=("regular_key",))
        stage.with_settings(accounts=(account,))
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        await permit(stage)
        with structlog.testing.capture_logs() as logs:
            async with stage.tower():
                await stage.until_told(channel, "judged")
                await stage.close_request(channel)
                await until_said(stage, logs, "no_right")
        assert await claims(stage) == []


async def test_a_stripped_delegates_claim_is_replaced_like_any_other(tmp_path: Path) -> None:
    """Anybody may strip the claim's signature in flight; the tower pays once more, and redeems."""
    async with delegated_on(tmp_path) as stage:
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        await permit(stage)
        async with stage.tower():
            await stage.until_told(channel, "judged")
            stage.sandbox.node.bystanders.strip_signatures(2, "close")
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
        assert all(claim["Delegate"] == TOWER.address for claim in await claims(stage))
