"""A tower without a key of the payee: it claims in its name, pays by itself, and knows when not."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from xrpl.core import binarycodec

from tests.store.make import CHEAP
from tests.tower.conftest import PASSPHRASE, XRP, Stage
from watchtower.authority_settings import DelegateSettings
from watchtower.keys.vault import Algorithm, Vault
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.people import Hand, Person
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules
from watchtower.sandbox.server import Clock, Sandbox
from watchtower.settings import AuthoritySettings, LedgerSettings, PolicySettings, Settings
from watchtower.store.database import Store
from watchtower.tower.tending import STATUS_NOTE

TOWER: Final = Person.named("the tower itself")
ON: Final = Rules(amendments=DEFAULT_AMENDMENTS | {"PermissionDelegationV1_1"})
FIRST: Final = Rules(amendments=DEFAULT_AMENDMENTS | {"PermissionDelegation"})
OFF: Final = Rules()
SMALL: Final = QueueSettings(
    minimum_txn_in_ledger=5,
    target_txn_in_ledger=5,
    maximum_txn_in_ledger=6,
    maximum_txn_per_account=10,
)
CLAIMING: Final = [{"Permission": {"PermissionValue": "PaymentChannelClaim"}}]
A_KEY_OF_THE_PAYEE: Final = Person.named("a regular key")


@asynccontextmanager
async def delegated_on(
    folder: Path,
    *,
    rules: Rules = ON,
    queue: QueueSettings | None = None,
    keys: tuple[tuple[str, Person], ...] = (),
    xrp: int = 1_000,
) -> AsyncIterator[Stage]:
    """A stage whose store has the tower's own key, and none of the payee but those of ``keys``."""
    payee = Person.named("a payee")
    async with (
        Sandbox(clock=Clock.FROZEN, port=0, rules=rules, queue=queue) as sandbox,
        Hand(sandbox.url, accepts=True) as hand,
    ):
        settings = Settings(
            accounts=(payee.address,),
            servers=(sandbox.url,),
            store=str(folder / "watchtower.db"),
            ledger=LedgerSettings(request_timeout_seconds=5.0),
            policy=PolicySettings(min_settle_delay_seconds=900),
            authority=AuthoritySettings(delegate=DelegateSettings(account=TOWER.address)),
        )
        made = Stage(sandbox=sandbox, hand=hand, settings=settings, payee=payee)
        await hand.fund(made.payer, made.payee)
        await hand.fund(TOWER, xrp=xrp)
        async with await Store.create(Path(settings.store), PASSPHRASE, cost=CHEAP) as store:
            vault = Vault(store)
            for account, person in ((TOWER.address, TOWER), *keys):
                await vault.import_seed(
                    account,  # type: ignore[arg-type]
                    person.seed,
                    algorithm=Algorithm.SECP256K1,
                    regular_key=account != person.address,
                )
        yield made


async def permit(stage: Stage, *, permits: bool = True) -> str:
    """The payee's own wallet permits the tower to claim, or takes it back."""
    grant = {
        "TransactionType": "DelegateSet",
        "Authorize": TOWER.address,
        "Permissions": CLAIMING if permits else [],
    }
    found = await stage.hand.settle(grant, stage.payee)
    result: str = found["meta"]["TransactionResult"]
    return result


async def claims(stage: Stage) -> list[dict[str, Any]]:
    """Every claim that was journalled, as it was signed, the oldest first."""
    async with stage.store() as store, store.read() as work:
        made = [a for a in await work.attempts.load_all() if a.channel is not None]
    return [binarycodec.decode(attempt.blob) for attempt in sorted(made, key=lambda a: a.made_in)]


async def alarms(stage: Stage) -> dict[str, str]:
    """The alarms that stand, by name, with their sentences."""
    async with stage.store() as store, store.read() as work:
        told: dict[str, Any] = await work.notes.get(STATUS_NOTE) or {}
    return {alarm["name"]: alarm["sentence"] for alarm in told.get("alarms", ())}


async def xrp_of(stage: Stage, person: Person) -> int:
    """Somebody's balance in drops, by the ledger itself."""
    told = await stage.hand.request(
        "account_info", account=person.address, ledger_index="validated"
    )
    return int(told["account_data"]["Balance"])


async def until_dear(stage: Stage) -> None:
    """Have strangers fill every ledger, and wait until its price has risen by that."""
    stage.sandbox.node.bystanders.fill(8, 12_000)

    async def dear() -> bool:
        told = await stage.hand.request("fee")
        return int(told["drops"]["open_ledger_fee"]) > 5_000

    await stage.until(dear)


async def test_a_delegate_redeems_a_close_request_and_pays_for_it_itself(tmp_path: Path) -> None:
    """On the payee's sequence; the payee gains the whole claim, and the tower pays the fee."""
    async with delegated_on(tmp_path) as stage:
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        assert await permit(stage) == "tesSUCCESS"
        before, of_tower = await stage.money(), await xrp_of(stage, TOWER)
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
            await stage.until_told(channel, "attempt_settled")
        (claim,) = await claims(stage)
        assert (claim["Account"], claim["Delegate"]) == (stage.payee.address, TOWER.address)
        assert claim["SigningPubKey"] == TOWER.public_key
        assert "Flags" not in claim or claim["Flags"] == 0
        assert await stage.money() == before + 30 * XRP
        assert await xrp_of(stage, TOWER) == of_tower - int(claim["Fee"])


async def test_a_delegate_pays_what_a_full_ledger_asks_for_nobody_queues_it(
    tmp_path: Path,
) -> None:
    """Strangers fill every ledger; a claim at the base fee would be telCAN_NOT_QUEUE for ever."""
    async with delegated_on(tmp_path, queue=SMALL) as stage:
        channel = await stage.channel(settle_delay=900)
        await stage.keep(channel, 30 * XRP)
        await permit(stage)
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await until_dear(stage)
            await stage.close_request(channel, Fee="200000")
            await stage.until_paid(channel, 30 * XRP)
        made = await claims(stage)
        assert all(claim["Delegate"] == TOWER.address for claim in made)
        # Not even the first was one for the queue.
        assert all(int(claim["Fee"]) > 5_000 for claim in made)


async def test_a_delegate_waits_for_a_price_that_is_worth_it_and_sends_nothing_for_the_queue(
    tmp_path: Path,
) -> None:
    """Five XRP are not worth a full ledger's price as long as there is time; later they are."""
    async with delegated_on(tmp_path, queue=SMALL) as stage:
        channel = await stage.channel(settle_delay=900)
        await stage.keep(channel, 5 * XRP)
        await permit(stage)
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await until_dear(stage)
            await stage.close_request(channel, Fee="200000")
            await stage.until_told(channel, "judged", 2)
            looks = iter(range(5))

            async def some_ledgers_passed() -> bool:
                return next(looks, None) is None

            await stage.until(some_ledgers_passed)
            await stage.sandbox.advance(700)
            await stage.until_paid(channel, 5 * XRP)
        assert all(int(claim["Fee"]) > 5_000 for claim in await claims(stage))


async def test_no_reserve_for_tickets_is_asked_of_an_account_that_only_a_delegate_signs_for(
    tmp_path: Path,
) -> None:
    """It makes none, so that a payee with next to nothing is no mistake of the configuration."""
    async with delegated_on(tmp_path) as stage:
        await permit(stage)
        away = {
            "TransactionType": "Payment",
            "Destination": stage.payer.address,
            "Amount": str(await stage.money() - 1_300_000),
        }
        await stage.hand.settle(away, stage.payee)
        async with stage.tower() as daemon:

            async def looked() -> bool:
                async with stage.store() as store, store.read() as work:
                    return (await work.notes.get(STATUS_NOTE) or {}).get("accounted") is not None

            await stage.until(looked)
            for _ in range(3):
                await stage.sandbox.accept()
            await stage.until(looked)
            assert not daemon.done()
            assert not {"fee_money_low", "ticket_pool_short"} & (await alarms(stage)).keys()
            channel = await stage.channel()
            await stage.keep(channel, 30 * XRP)
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)


async def test_a_revoked_delegate_alarms_and_the_next_right_redeems(tmp_path: Path) -> None:
    """The payee takes it back; its regular key, which is here too, signs from then on."""
    keys = ((Person.named("a payee").address, A_KEY_OF_THE_PAYEE),)
    async with delegated_on(tmp_path, keys=keys) as stage:
        regular = {"TransactionType": "SetRegularKey", "RegularKey": A_KEY_OF_THE_PAYEE.address}
        await stage.hand.settle(regular, stage.payee)
        channels = [await stage.channel() for _ in range(2)]
        for channel in channels:
            await stage.keep(channel, 30 * XRP)
        await permit(stage)
        async with stage.tower():
            await stage.until_told(channels[1], "judged")
            await stage.close_request(channels[0])
            await stage.until_paid(channels[0], 30 * XRP)
            await permit(stage, permits=False)
            await stage.close_request(channels[1])
            await stage.until_paid(channels[1], 30 * XRP)

            async def told() -> bool:
                return "delegation_missing" in await alarms(stage)

            await stage.until(told)
        first, *_, last = await claims(stage)
        assert first["SigningPubKey"] == TOWER.public_key
        assert "Delegate" not in last
        assert last["SigningPubKey"] == A_KEY_OF_THE_PAYEE.public_key


async def test_a_permission_that_is_lost_while_a_claim_is_on_its_way_costs_no_claim(
    tmp_path: Path,
) -> None:
    """The servers say no, whatever the tower believes: another right goes on the same seat."""
    keys = ((Person.named("a payee").address, A_KEY_OF_THE_PAYEE),)
    async with delegated_on(tmp_path, keys=keys) as stage:
        regular = {"TransactionType": "SetRegularKey", "RegularKey": A_KEY_OF_THE_PAYEE.address}
        await stage.hand.settle(regular, stage.payee)
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        await permit(stage)
        async with stage.tower():
            await stage.until_told(channel, "judged")
            no = {"count": 1_000, "answer": "terNO_DELEGATE_PERMISSION", "apply": False}

            def refuse() -> None:
                stage.sandbox.misbehave(submissions=no)

            await stage.close_request_and_then(channel, refuse)

            async def replaced() -> bool:
                return any("Delegate" not in claim for claim in await claims(stage))

            await stage.until(replaced)
            stage.sandbox.misbehave(submissions=None)
            await stage.until_paid(channel, 30 * XRP)
        first, *_, last = await claims(stage)
        assert first["Delegate"] == TOWER.address
        assert last["SigningPubKey"] == A_KEY_OF_THE_PAYEE.public_key


async def test_delegate_whose_own_key_signs_no_more_leaves_the_claim_to_the_next_right(
    tmp_path: Path,
) -> None:
    """At once: the permission stands, and what the tower's own key signs would be refused."""
    keys = ((Person.named("a payee").address, A_KEY_OF_THE_PAYEE),)
    async with delegated_on(tmp_path, keys=keys) as stage:
        regular = {"TransactionType": "SetRegularKey", "RegularKey": A_KEY_OF_THE_PAYEE.address}
        await stage.hand.settle(regular, stage.payee)
        other = {"TransactionType": "SetRegularKey", "RegularKey": stage.payee.address}
        await stage.hand.settle(other, TOWER)
        await stage.hand.settle({"TransactionType": "AccountSet", "SetFlag": 4}, TOWER)
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        await permit(stage)
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
        # The tickets that are made at the start may take the first one's sequence.
        signers = {claim["SigningPubKey"] for claim in await claims(stage)}
        assert signers == {A_KEY_OF_THE_PAYEE.public_key}


@pytest.mark.parametrize("rules", [OFF], ids=["amendment off"])
async def test_without_the_amendment_no_delegate_is_used_and_people_are_told(
    tmp_path: Path, rules: Rules
) -> None:
    """Nothing is signed that would be temDISABLED; that nothing else may sign is told, too."""
    async with delegated_on(tmp_path, rules=rules) as stage:
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await stage.close_request(channel)

            async def told() -> bool:
                standing = await alarms(stage)
                return {"delegation_missing", "no_right"} <= standing.keys()

            await stage.until(told)
            standing = await alarms(stage)
        assert "PermissionDelegationV1_1" in standing["delegation_missing"]
        assert await claims(stage) == []


async def test_a_permission_that_comes_late_is_used_at_once(tmp_path: Path) -> None:
    """Given while the channel is closing, after the alarm."""
    async with delegated_on(tmp_path) as stage:
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await stage.close_request(channel)

            async def told() -> bool:
                return "no_right" in await alarms(stage)

            await stage.until(told)
            await permit(stage)
            await stage.until_paid(channel, 30 * XRP)
        assert all(claim["Delegate"] == TOWER.address for claim in await claims(stage))


@pytest.mark.parametrize(
    ("rules", "is_burnt"), [(FIRST, True), (ON, False)], ids=["first amendment", "second"]
)
async def test_a_permission_taken_back_before_the_claim_in_one_ledger_is_paid_for_once_at_most(
    tmp_path: Path, rules: Rules, *, is_burnt: bool
) -> None:
    """On a ticket, before which the payee's own sequence applies: a tec once, and then a ter."""
    async with delegated_on(tmp_path, rules=rules) as stage:
        await stage.hand.settle({"TransactionType": "TicketCreate", "TicketCount": 2}, stage.payee)
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        await permit(stage)
        async with stage.tower():
            await stage.until_told(channel, "judged")
            await stage.close_request(channel)

            async def sent() -> bool:
                open_ledger = await stage.hand.request(
                    "ledger", ledger_index="current", transactions=True
                )
                return bool(open_ledger["ledger"]["transactions"])

            await stage.until(sent, closing=False)
            revoke = {"TransactionType": "DelegateSet", "Authorize": TOWER.address}
            await stage.hand.submit({**revoke, "Permissions": []}, stage.payee)
            await stage.sandbox.accept()

            async def told() -> bool:
                return "delegation_missing" in await alarms(stage)

            await stage.until(told)
            assert await stage.balance(channel) == 0
            assert len(await stage.tickets()) == (1 if is_burnt else 2)
            assert len(await claims(stage)) == 1
            await permit(stage)
            await stage.until_paid(channel, 30 * XRP)


async def test_a_tower_that_runs_dry_is_told_before_it_cannot_pay(tmp_path: Path) -> None:
    """Below what it should have for fees, above its reserve."""
    async with delegated_on(tmp_path, xrp=5) as stage:
        await permit(stage)
        async with stage.tower():

            async def told() -> bool:
                return "delegate_money_low" in await alarms(stage)

            await stage.until(told)
            assert TOWER.address in (await alarms(stage))["delegate_money_low"]
            payment = {
                "TransactionType": "Payment",
                "Destination": TOWER.address,
                "Amount": str(50 * XRP),
            }
            await stage.hand.settle(payment, stage.payer)

            async def well() -> bool:
                return "delegate_money_low" not in await alarms(stage)

            await stage.until(well)
