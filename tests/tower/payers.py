"""What tests of the payer's side do over and over: guard a payer, register, redeem, wait."""

from __future__ import annotations

from typing import Any

from tests.tower.conftest import Stage
from watchtower.claims.answer import Answer
from watchtower.claims.intake import Intake
from watchtower.claims.sight import Sight
from watchtower.judgement.claim import Claim
from watchtower.keys.vault import Algorithm, Vault
from watchtower.ledger.servers import Servers
from watchtower.settings import AccountSettings, PayerSettings, Role
from watchtower.tower.tending import STATUS_NOTE
from watchtower.units import ChannelId, Drops, RippleTime
from watchtower.wiring import guard_of


async def guard_the_payer(
    stage: Stage, *, payee_too: bool = False, role: Role = "payer", **payer: Any
) -> None:
    """Have the tower guard the payer, with its key: alone, or beside the payee."""
    accounts = (AccountSettings(stage.payer.address, role),)
    others = (stage.payee.address,) if payee_too else ()
    stage.with_settings(accounts=(*accounts, *others), payer=PayerSettings(**payer))
    async with stage.store() as store:
        await Vault(store).import_seed(
            stage.payer.address, stage.payer.seed, algorithm=Algorithm.SECP256K1
        )


async def until_gone(stage: Stage, channel: Any) -> None:
    """Close ledgers until the channel has left the ledger."""

    async def gone() -> bool:
        return await stage.balance(channel) == -1

    await stage.until(gone)


async def register(stage: Stage, channel: ChannelId, drops: int) -> Answer:
    """The payer tells the tower what it has signed."""
    claim = Claim(
        channel=channel,
        amount=Drops(drops),
        public_key=stage.payer.public_key,
        signature=stage.payer.sign_claim(channel, Drops(drops)),
    )
    settings = stage.settings
    async with stage.store() as store, Servers.connected([stage.sandbox.url]) as servers:
        intake = Intake(store, guard_of(settings))
        fact = await servers.read_channel(channel)
        return await intake.take(claim, Sight(fact=fact, ledger_time=RippleTime(0)))


async def redeem(
    stage: Stage, channel: ChannelId, drops: int, *, signed: int | None = None, **more: Any
) -> None:
    """The payee redeems ``drops`` with a claim that the channel's key signed for ``signed``."""
    allowed = Drops(drops if signed is None else signed)
    claim = {
        "TransactionType": "PaymentChannelClaim",
        "Channel": channel,
        "Amount": str(allowed),
        "Balance": str(drops),
        "PublicKey": stage.payer.public_key,
        "Signature": stage.payer.sign_claim(channel, allowed),
        **more,
    }
    await stage.hand.settle(claim, stage.payee)


async def alarms(stage: Stage) -> dict[str, str]:
    """The alarms that stand, by name, with their subjects."""
    async with stage.store() as store, store.read() as work:
        told = await work.notes.get(STATUS_NOTE) or {}
    return {alarm["name"]: alarm["subject"] for alarm in told.get("alarms", ())}


async def forget_alarms(stage: Stage) -> None:
    """Take away the last word of a tower that was killed, so that only the next one is heard."""
    async with stage.store() as store, store.write() as work:
        await work.notes.drop(STATUS_NOTE)


async def until_alarmed(stage: Stage, channel: ChannelId, *, stands: bool = True) -> None:
    """Wait until the alarm of a stolen claim key stands, or no longer does."""

    async def alarmed() -> bool:
        return (await alarms(stage)).get("foreign_claim_key") == (channel if stands else None)

    await stage.until(alarmed)


async def until_done(stage: Stage, channel: ChannelId, count: int = 1) -> None:
    """Wait until so many attempts have done what they were for.

    On a busy machine the ledger may run past some, and others follow them: what became of each is
    no concern of these tests.
    """

    async def done() -> bool:
        settled = [e for e in await stage.story(channel) if e.kind == "attempt_settled"]
        return len([e for e in settled if e.facts["outcome"] == "done"]) >= count

    await stage.until(done)


async def until_sent(stage: Stage) -> None:
    """Wait, in this very ledger, until the open one holds a transaction."""

    async def sent() -> bool:
        found = await stage.hand.request("ledger", ledger_index="current", transactions=True)
        return bool(found["ledger"]["transactions"])

    await stage.until(sent, closing=False)
