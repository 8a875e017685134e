"""The API itself: all streams at once, and what it answers to what it cannot answer."""

from __future__ import annotations

from tests.conformance.stage import TF_CLOSE, Stage, claim
from watchtower.sandbox.people import Person
from watchtower.units import DROPS_PER_XRP as XRP
from watchtower.units import ChannelId, Drops

__all__ = ["all_streams_at_once", "errors_of_the_api"]

_NO_CHANNEL = ChannelId("0" * 63 + "1")


async def all_streams_at_once(stage: Stage) -> None:
    """Proposed and validated, by stream and by account: the same transaction again and again."""
    source, destination = await stage.people()
    await stage.client(
        "subscribe",
        streams=["ledger", "transactions", "transactions_proposed"],
        accounts=[destination.address, source.address],
        accounts_proposed=[destination.address],
        api_version=2,
    )
    channel = await stage.create(source, destination, 100 * XRP, 60)
    stage.tape.note("its facts", id=channel)
    close = {"TransactionType": "PaymentChannelClaim", "Channel": channel, "Flags": TF_CLOSE}
    await stage.submit(close, source)
    await stage.submit(claim(channel, source, 30 * XRP), destination)
    await stage.close_ledger()


async def errors_of_the_api(stage: Stage) -> None:
    """Absent, malformed, unknown, out of range."""
    source, _ = await stage.people()
    ask = stage.client
    await ask("ledger_entry", payment_channel=_NO_CHANNEL, ledger_index="validated")
    await ask("ledger_entry", payment_channel="xyz", ledger_index="validated")
    await ask("account_channels", account="rrrrrrrrrrrrrrrrrrrrBZbvji", ledger_index="validated")
    await ask("account_info", account=Person.named("nobody").address, ledger_index="validated")
    await ask("tx", transaction="A" * 64)
    await ask("tx", transaction="zz")
    await ask("nonsense")
    await ask("subscribe", accounts=["not an account"])
    await ask("submit", tx_blob="00")
    await ask("submit", tx_blob="zz")
    await ask(
        "account_tx", account=source.address, ledger_index_min=900000, ledger_index_max=900001
    )
    await ask("ledger", ledger_index=9999999)
    await ask(
        "account_objects",
        account=source.address,
        type="payment_channel",
        marker="bad",
        ledger_index="validated",
    )
    await ask(
        "channel_verify",
        channel_id=_NO_CHANNEL,
        amount="1",
        public_key=source.public_key,
        signature=source.sign_claim(_NO_CHANNEL, Drops(1)),
    )
