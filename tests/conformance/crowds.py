"""Many at once: fees that rise, a queue that fills, forty sources that close together."""

from __future__ import annotations

from typing import Final

from xrpl.core.binarycodec import encode

from tests.conformance.stage import TF_CLOSE, Message, Stage, claim
from watchtower.sandbox.people import Person
from watchtower.units import DROPS_PER_XRP as XRP

__all__ = ["fee_escalation_and_queue", "many_close_at_once"]

_CHANNELS: Final = 30
_SOURCES: Final = 40


async def fee_escalation_and_queue(stage: Stage) -> None:
    """Thirty claims at the base fee in one ledger; then again at what the open ledger costs."""
    source, destination, *_ = await stage.people(10)
    await stage.subscribe(destination.address)
    channels = await _open_many(stage, source, destination)
    stage.tape.note("thirty channels to one destination", channels=channels)
    await stage.client("fee")
    sequence = await stage.sequence(destination.address)
    stage.tape.note("redeemed on all, at the base fee")
    for number, channel in enumerate(channels):
        tx = claim(channel, source, XRP, Sequence=sequence + number)
        await _submit(stage, tx, destination, fee="10")
        if number % 5 == 0:
            await stage.client("fee")
    for _ in range(6):
        await stage.close_ledger()
        await stage.client("fee")
        await stage.client(
            "account_info", account=destination.address, ledger_index="current", queue=True
        )
    stage.tape.note("again, at what the open ledger costs")
    for channel in channels:
        fees = (await stage.client("fee"))["result"]["drops"]
        fee = str(int(fees["open_ledger_fee"]) + 10)
        await _submit(stage, claim(channel, source, 2 * XRP), destination, fee=fee)
    await stage.close_ledger()


async def many_close_at_once(stage: Stage) -> None:
    """Forty sources ask to close in one ledger; the destination's channels come in pages."""
    sources = await stage.people(_SOURCES)
    (destination,) = await stage.people(1)
    await stage.subscribe(destination.address)
    channels = [(s, await stage.create(s, destination, 10 * XRP, 90)) for s in sources]
    facts = [[source.address, source.public_key, channel] for source, channel in channels]
    stage.tape.note("forty ask to close", channels=facts)
    for source, channel in channels:
        tx = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": TF_CLOSE}
        await stage.submit(tx, source, fee="500000")
    await stage.close_ledger()
    await stage.close_ledger()
    marker: Message = {}
    while True:
        answer = await stage.client(
            "account_objects",
            account=destination.address,
            type="payment_channel",
            ledger_index="validated",
            limit=10,
            **marker,
        )
        if "marker" not in answer["result"]:
            return
        marker = {"marker": answer["result"]["marker"]}


async def _open_many(stage: Stage, source: Person, destination: Person) -> list[str]:
    sequence = await stage.sequence(source.address)
    for number in range(_CHANNELS):
        await stage.submit(
            {
                "TransactionType": "PaymentChannelCreate",
                "Destination": destination.address,
                "Amount": str(10 * XRP),
                "SettleDelay": 3600,
                "PublicKey": source.public_key,
                "Sequence": sequence + number,
            },
            source,
            fee="2000000",
        )
        if number % 5 == 4:
            await stage.close_ledger()
    await stage.close_ledger()
    found = await stage.hand.result(
        "account_objects", account=source.address, type="payment_channel", ledger_index="validated"
    )
    entries = sorted(found["account_objects"], key=lambda entry: int(entry["Sequence"]))
    return [entry["index"] for entry in entries]


async def _submit(stage: Stage, tx: Message, sender: Person, *, fee: str) -> None:
    await stage.client("submit", tx_blob=encode(await stage.build(tx, sender, fee=fee)))
