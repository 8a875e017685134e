"""A channel's whole life, and what a claim is worth against its funds."""

from __future__ import annotations

from tests.conformance.stage import TF_CLOSE, Stage, claim
from watchtower.sandbox.people import Person
from watchtower.units import DROPS_PER_XRP as XRP

__all__ = [
    "lifecycle_api_v1",
    "lifecycle_ed25519",
    "lifecycle_secp256k1",
    "promised_more_than_the_channel_holds",
    "refund_by_redeeming_less",
]


async def lifecycle_secp256k1(stage: Stage) -> None:
    """Opened, redeemed in parts, funded, closing, redeemed again, expired, finalised."""
    await _lifecycle(stage)


async def lifecycle_ed25519(stage: Stage) -> None:
    """The same with the other kind of keys."""
    await _lifecycle(stage, ed25519=True)


async def lifecycle_api_v1(stage: Stage) -> None:
    """The same, told in the older version of the API."""
    await _lifecycle(stage, version=1)


async def _lifecycle(stage: Stage, *, ed25519: bool = False, version: int = 2) -> None:
    source, destination, anybody = await stage.people(3, ed25519=ed25519)
    both = (source.address, destination.address)
    await stage.subscribe(destination.address, version=version)
    stage.tape.note("a channel of 100 XRP with a settle delay of a minute")
    channel = await stage.create(source, destination, 100 * XRP, 60, DestinationTag=7)
    stage.tape.note(
        "its facts",
        id=channel,
        source=source.address,
        destination=destination.address,
        public_key=source.public_key,
    )
    await stage.look(channel, *both)
    for text, amount, balance in (("10 XRP", 10, 10), ("15 XRP of a claim for 20", 20, 15)):
        stage.tape.note(f"redeemed: {text}")
        await stage.submit(claim(channel, source, amount * XRP, balance * XRP), destination)
        await stage.close_ledger()
    stage.tape.note("50 XRP more")
    fund = {"TransactionType": "PaymentChannelFund", "Channel": channel, "Amount": str(50 * XRP)}
    await stage.submit(fund, source)
    await stage.close_ledger()
    close = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": TF_CLOSE}
    stage.tape.note("asked to close")
    await stage.submit(close, source)
    await stage.close_ledger()
    await stage.look(channel, *both)
    stage.tape.note("redeemed inside the window: 40 XRP")
    await stage.submit(claim(channel, source, 40 * XRP), destination)
    await stage.close_ledger()
    stage.tape.note("the window ends")
    await stage.advance(75)
    stage.tape.note("anybody may finalise it")
    await stage.submit(close, anybody)
    await stage.close_ledger()
    await stage.look(channel, *both)
    await stage.client(
        "account_tx",
        account=destination.address,
        ledger_index_min=-1,
        ledger_index_max=-1,
        forward=True,
        api_version=version,
    )


async def promised_more_than_the_channel_holds(stage: Stage) -> None:
    """Balance is held against the funds, Amount against the signature alone."""
    source, destination = await stage.people()
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 50 * XRP, 3600)
    stage.tape.note("its facts", id=channel, public_key=source.public_key)
    stage.tape.note("a claim for 80 XRP, all of it asked for")
    await _answered(stage, channel, source, destination, 80)
    stage.tape.note("the same claim, and all that there is")
    await _answered(stage, channel, source, destination, 50)
    stage.tape.note("20 XRP more, and the same claim again")
    fund = {"TransactionType": "PaymentChannelFund", "Channel": channel, "Amount": str(20 * XRP)}
    await stage.submit(fund, source)
    await stage.close_ledger()
    await _answered(stage, channel, source, destination, 70)


async def _answered(
    stage: Stage, channel: str, source: Person, destination: Person, balance: int
) -> None:
    tx = claim(channel, source, 80 * XRP, balance * XRP)
    answer = await stage.submit(tx, destination)
    stage.tape.note("the answer", engine_result=answer["engine_result"])
    await stage.close_ledger()
    await stage.look(channel)


async def refund_by_redeeming_less(stage: Stage) -> None:
    """What the payee redeems less than it was promised goes back when it closes."""
    source, destination = await stage.people()
    await stage.subscribe(destination.address)
    channel = await stage.create(source, destination, 100 * XRP, 3600)
    stage.tape.note(
        "its facts",
        id=channel,
        source=source.address,
        destination=destination.address,
        public_key=source.public_key,
    )
    await stage.client("account_info", account=source.address, ledger_index="validated")
    stage.tape.note("22 XRP of a claim for 30")
    await stage.submit(claim(channel, source, 30 * XRP, 22 * XRP), destination)
    await stage.close_ledger()
    await stage.look(channel)
    stage.tape.note("5 more of it, and closed")
    last = claim(channel, source, 30 * XRP, 27 * XRP, Flags=TF_CLOSE)
    answer = await stage.submit(last, destination)
    stage.tape.note("the answer", engine_result=answer["engine_result"])
    await stage.close_ledger()
    await stage.look(channel, source.address)
    await stage.client("account_info", account=source.address, ledger_index="validated")
