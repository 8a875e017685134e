"""The right that steals nothing: a tower without any key redeems what its payee signed ahead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.tower.conftest import XRP, Stage, stage_on
from tests.tower.presigning import (
    asked_for,
    attempts,
    imported,
    make_tickets,
    signed,
    without_key,
)
from watchtower.errors import BundleError
from watchtower.response.attempt import NEVER
from watchtower.sandbox.fee_levels import QueueSettings
from watchtower.sandbox.people import Person
from watchtower.sandbox.rules import DEFAULT_AMENDMENTS, Rules


async def alarms(stage: Stage) -> dict[str, str]:
    """The alarms that stand, by the status that the tower writes."""
    async with stage.store() as store, store.read() as work:
        status: Any = await work.notes.get("status")
    return {alarm["name"]: alarm["sentence"] for alarm in (status or {}).get("alarms", ())}


async def until_alarm(stage: Stage, name: str, *, stands: bool = True) -> None:
    """Wait until an alarm stands, or does not."""

    async def told() -> bool:
        return (name in await alarms(stage)) is stands

    await stage.until(told)


async def test_a_tower_without_any_key_redeems_on_a_close_request(
    stage: Stage, tmp_path: Path
) -> None:
    """All that it has is what the payee signed; the bundle comes while it runs."""
    await without_key(stage, tmp_path)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    tickets = await make_tickets(stage, 2)
    async with stage.tower():
        covered = await imported(stage, signed(await asked_for(stage), stage.payee))
        assert (covered.beyond, covered.unsure) == ({}, ())
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        await stage.until_told(channel, "attempt_settled")
        await until_alarm(stage, "no_right", stands=False)
    (attempt,) = await attempts(stage)
    assert (attempt.seat.number, attempt.last_ledger, attempt.fee) == (tickets[0], NEVER, 12)
    async with stage.store() as store, store.read() as work:
        assert [key.account for key in await work.secrets.load_all()] == []


async def test_it_is_found_again_after_a_restart(stage: Stage, tmp_path: Path) -> None:
    """The bundle is in the store; what it was about happens while nobody runs."""
    await without_key(stage, tmp_path)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await make_tickets(stage, 2)
    async with stage.tower():
        await imported(stage, signed(await asked_for(stage), stage.payee))
    await stage.close_request(channel)
    async with stage.tower():
        await stage.until_paid(channel, 30 * XRP)


async def test_in_a_congested_ledger_the_next_fee_goes_on_the_same_ticket(
    tmp_path: Path,
) -> None:
    """Twelve drops buy a place in the queue behind all others, and fifty thousand get in."""
    queue = QueueSettings(minimum_txn_in_ledger=5, target_txn_in_ledger=5, maximum_txn_in_ledger=5)
    async with stage_on(tmp_path, queue=queue) as stage:
        await without_key(stage, tmp_path)
        channel = await stage.channel()
        await stage.keep(channel, 80 * XRP)
        await make_tickets(stage, 2)
        async with stage.tower():
            await imported(stage, signed(await asked_for(stage), stage.payee))
            stage.sandbox.node.bystanders.fill(30, 20)
            await stage.sandbox.accept()
            await stage.sandbox.accept()
            await stage.close_request(channel, Fee="900000")
            await stage.until_paid(channel, 80 * XRP)
            await stage.until_told(channel, "attempt_settled")
    made = await attempts(stage)
    assert len({attempt.seat for attempt in made}) == 1
    fees = [attempt.fee for attempt in made]
    assert fees == sorted(set(fees))
    assert fees[-1] == 50_000


async def test_a_ticket_that_a_thief_of_signatures_burns_is_replaced_by_the_second(
    tmp_path: Path,
) -> None:
    """With fixCleanup3_2_0 whoever sees the claim can burn the ticket it is on, and no more."""
    rules = Rules(amendments=DEFAULT_AMENDMENTS | {"fixCleanup3_2_0"})
    async with stage_on(tmp_path, rules=rules) as stage:
        await without_key(stage, tmp_path)
        channel = await stage.channel()
        await stage.keep(channel, 30 * XRP)
        tickets = await make_tickets(stage, 2)
        async with stage.tower():
            await imported(stage, signed(await asked_for(stage), stage.payee))
            stage.sandbox.node.bystanders.strip_signatures(1, "close")
            await stage.close_request(channel)
            await stage.until_paid(channel, 30 * XRP)
            await stage.until_told(channel, "attempt_settled", 2)
        made = await attempts(stage)
    assert [attempt.seat.number for attempt in made] == tickets
    assert [None if a.outcome is None else a.outcome.kind.value for a in made] == [
        "superseded",
        "paid",
    ]


async def test_a_ticket_that_its_owner_spends_is_replaced_by_the_second(
    stage: Stage, tmp_path: Path
) -> None:
    """The owner has the account, and may do with its tickets what it likes."""
    await without_key(stage, tmp_path)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    first, second = await make_tickets(stage, 2)
    async with stage.tower():
        await imported(stage, signed(await asked_for(stage), stage.payee))
        spend = {"TransactionType": "AccountSet", "Sequence": 0, "TicketSequence": first}
        await stage.hand.submit(spend, stage.payee)
        await stage.sandbox.accept()
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
    assert first not in await stage.tickets()
    assert [attempt.seat.number for attempt in await attempts(stage)] == [second]


async def test_a_change_of_the_key_kills_the_bundle_and_is_told_and_a_new_one_heals(
    stage: Stage, tmp_path: Path
) -> None:
    """The master signed it, and was then disabled: nothing of it would be taken any more."""
    await without_key(stage, tmp_path)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await make_tickets(stage, 2)
    regular = Person.named("a regular key")
    async with stage.tower():
        old = signed(await asked_for(stage), stage.payee)
        await imported(stage, old)
        set_key = {"TransactionType": "SetRegularKey", "RegularKey": regular.address}
        await stage.hand.submit(set_key, stage.payee)
        await stage.sandbox.accept()
        assert "bundle_dead" not in await alarms(stage)
        await stage.hand.submit({"TransactionType": "AccountSet", "SetFlag": 4}, stage.payee)
        await stage.sandbox.accept()
        await until_alarm(stage, "bundle_dead")
        with_new = signed(await asked_for(stage), regular, regular_key=True)
        with pytest.raises(BundleError, match="was disabled"):
            await imported(stage, old)
        await imported(stage, with_new)
        await until_alarm(stage, "bundle_dead", stands=False)
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)


async def test_what_a_bundle_does_not_cover_is_told_and_what_it_covers_is_redeemed(
    stage: Stage, tmp_path: Path
) -> None:
    """A later claim is not protected without a key: the payee shall know how much that is."""
    await without_key(stage, tmp_path)
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await make_tickets(stage, 4)
    async with stage.tower():
        await imported(stage, signed(await asked_for(stage), stage.payee))
        await stage.keep(channel, 50 * XRP)
    async with stage.tower():
        await until_alarm(stage, "bundle_behind")
        assert "20 XRP" in (await alarms(stage))["bundle_behind"]
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        # The payee signs what is missing, for the ticket that is left and a new one, in time.
        await imported(stage, signed(await asked_for(stage), stage.payee))
        await stage.until_paid(channel, 50 * XRP)


async def test_a_key_that_stands_by_redeems_the_whole_claim_where_the_bundle_is_behind(
    stage: Stage,
) -> None:
    """At once and for one fee, and not on a ticket that stands for the bundle."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    tickets = await make_tickets(stage, 4)
    async with stage.tower():
        requests = await asked_for(stage)
    await imported(stage, signed(requests, stage.payee))
    await stage.keep(channel, 50 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 50 * XRP)
    redeeming = [a for a in await attempts(stage) if a.channel == channel]
    assert redeeming
    assert all(a.target == 50 * XRP and a.seat.number not in tickets[:2] for a in redeeming)


async def test_what_is_covered_is_not_signed_for_although_a_key_is_there(stage: Stage) -> None:
    """Signed ahead comes first: it is the right by which a thief of the tower gets least."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await make_tickets(stage, 4)
    async with stage.tower():
        requests = await asked_for(stage)
    await imported(stage, signed(requests, stage.payee))
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        await stage.until_told(channel, "attempt_settled")
    redeeming = [a for a in await attempts(stage) if a.channel == channel]
    assert [a.last_ledger for a in redeeming] == [NEVER]
