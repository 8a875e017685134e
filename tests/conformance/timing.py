"""Ledger time: ends that nobody announces, sums that wrap, and the last second."""

from __future__ import annotations

from tests.conformance.stage import TF_CLOSE, Stage, claim
from watchtower.units import DROPS_PER_XRP as XRP

__all__ = ["cancel_after_passes", "settle_delay_wraps", "the_last_second"]

_CLOSE = {"TransactionType": "PaymentChannelClaim", "Flags": TF_CLOSE}


async def cancel_after_passes(stage: Stage) -> None:
    """Redeemed a moment too late: success, and nothing paid."""
    source, destination = await stage.people()
    await stage.subscribe(destination.address)
    end = await stage.close_time() + 60
    channel = await stage.create(source, destination, 100 * XRP, 60, CancelAfter=end)
    stage.tape.note("its facts", id=channel, public_key=source.public_key, cancel_after=end)
    await stage.advance(75)
    await stage.look(channel, source.address)
    stage.tape.note("too late")
    answer = await stage.submit(claim(channel, source, 30 * XRP), destination)
    stage.tape.note("the answer", response=answer)
    await stage.close_ledger()
    await stage.look(channel, source.address)


async def settle_delay_wraps(stage: Stage) -> None:
    """Close time plus settle delay is a sum of 32 bits: two wrap, the third just does not."""
    source, destination = await stage.people()
    await stage.subscribe(destination.address)
    for delay in (4_294_967_295, 3_474_427_000, 3_474_426_000):
        channel = await stage.create(source, destination, 50 * XRP, delay)
        stage.tape.note("its facts", id=channel, settle_delay=delay)
        await stage.look(channel)
        await stage.submit({**_CLOSE, "Channel": channel}, source)
        await stage.close_ledger()
        await stage.look(channel)
        stage.tape.note("answered in the next ledger")
        answer = await stage.submit(claim(channel, source, 30 * XRP), destination)
        stage.tape.note("the answer", engine_result=answer["engine_result"])
        await stage.close_ledger()
        await stage.look(channel)
        if tx_hash := answer.get("tx_json", {}).get("hash"):
            await stage.client("tx", transaction=tx_hash)


async def the_last_second(stage: Stage) -> None:
    """Claims whose parent ledger closed before, at and after the expiration."""
    source, destination = await stage.people()
    await stage.subscribe(destination.address)
    for offset in (-1, 0, 1):
        channel = await stage.create(source, destination, 50 * XRP, 30)
        stage.tape.note("its facts", id=channel)
        await stage.submit({**_CLOSE, "Channel": channel}, source)
        await stage.close_ledger()
        entry = await stage.hand.result(
            "ledger_entry", payment_channel=channel, ledger_index="validated"
        )
        expiration = int(entry["node"]["Expiration"])
        while await stage.close_time() < expiration + offset:
            await stage.close_ledger()
        stage.tape.note("seconds past it", seconds=await stage.close_time() - expiration)
        answer = await stage.submit(claim(channel, source, 30 * XRP), destination)
        await stage.close_ledger()
        await stage.client("tx", transaction=answer["tx_json"]["hash"])
        await stage.look(channel)
