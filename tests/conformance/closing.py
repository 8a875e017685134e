"""Who closes, how, and what a stale claim does."""

from __future__ import annotations

from tests.conformance.stage import TF_CLOSE, TF_RENEW, Stage, claim
from watchtower.sandbox.people import Person
from watchtower.units import DROPS_PER_XRP as XRP

__all__ = [
    "close_requested_again_and_again",
    "closed_by_destination_with_stale_claim",
    "stale_claim_and_close_by_source",
]

_CLAIM = "PaymentChannelClaim"


async def stale_claim_and_close_by_source(stage: Stage) -> None:
    """The source pays 5 of 30 XRP itself and asks to close; answered, then renewed."""
    source, destination = await stage.people()
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 100 * XRP, 120)
    stage.tape.note(
        "its facts",
        id=channel,
        public_key=source.public_key,
        source=source.address,
        destination=destination.address,
    )
    stage.tape.note("a stale claim, paid without a signature, and a close request in one")
    pay = {"TransactionType": _CLAIM, "Channel": channel, "Balance": str(5 * XRP)}
    await stage.submit({**pay, "Flags": TF_CLOSE}, source)
    await stage.close_ledger()
    stage.tape.note("the answer: 30 XRP")
    await stage.submit(claim(channel, source, 30 * XRP), destination)
    await stage.close_ledger()
    await stage.look(channel, source.address)
    stage.tape.note("the close request is taken back")
    renew = {"TransactionType": _CLAIM, "Channel": channel, "Flags": TF_RENEW}
    await stage.submit(renew, source)
    await stage.close_ledger()
    await stage.look(channel, source.address)


async def closed_by_destination_with_stale_claim(stage: Stage) -> None:
    """The destination redeems 5 of 30 XRP and closes: the rest is gone."""
    source, destination = await stage.people()
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 100 * XRP, 120)
    stage.tape.note(
        "its facts",
        id=channel,
        public_key=source.public_key,
        source=source.address,
        destination=destination.address,
    )
    stage.tape.note("redeemed and closed with a stale claim")
    await stage.submit(claim(channel, source, 5 * XRP, Flags=TF_CLOSE), destination)
    await stage.close_ledger()
    await stage.look(channel, source.address)


async def close_requested_again_and_again(stage: Stage) -> None:
    """Only the first request changes anything; Fund moves the expiration out and in."""
    source, destination = await stage.people()
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 100 * XRP, 600)
    stage.tape.note("its facts", id=channel)
    for _ in range(3):
        stage.tape.note("asked to close")
        close = {"TransactionType": _CLAIM, "Channel": channel, "Flags": TF_CLOSE}
        await stage.submit(close, source)
        await stage.close_ledger()
    now = await stage.close_time()
    stage.tape.note("far out, then back in")
    for expiration in (now + 90_000, now + 700):
        answer = await _fund(stage, channel, source, expiration)
        stage.tape.note("the answer", expiration=expiration, engine_result=answer)
        await stage.close_ledger()
        await stage.look(channel)
    stage.tape.note("too early", engine_result=await _fund(stage, channel, source, now + 5))
    await stage.close_ledger()
    await stage.look(channel)


async def _fund(stage: Stage, channel: str, source: Person, expiration: int) -> str:
    fund = {
        "TransactionType": "PaymentChannelFund",
        "Channel": channel,
        "Amount": "1",
        "Expiration": expiration,
    }
    return str((await stage.submit(fund, source))["engine_result"])
