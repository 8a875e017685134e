"""``watchtower explain``: why a channel was or was not redeemed, and what happens next."""

from __future__ import annotations

from tests.tower.conftest import XRP, Stage
from tests.tower.test_commands import command
from watchtower.units import ChannelId, RippleTime, format_time


async def test_redeemed_channel_is_explained_with_evidence(stage: Stage) -> None:
    """Whose transaction paid, when its ledger closed by the ledger itself, and that all is done."""
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    async with stage.tower():
        await stage.close_request(channel)
        await stage.until_told(channel, "attempt_settled")
        code, (told,) = await command(stage, "explain", channel)
    assert code == 0
    (attempt,) = told["attempts"]
    (why,) = told["why_redeemed_or_not"]
    assert "30 XRP in one payment" in why
    assert attempt["transaction"] in why
    assert told["next"] == [
        "nothing, until a better claim comes, or the payer adds what is missing."
    ]
    kinds = [line["kind"] for line in told["story"]]
    assert kinds.index("close_requested") < kinds.index("attempt_made") < kinds.index("paid")
    (paid,) = (line for line in told["story"] if line["kind"] == "paid")
    ledger = await stage.hand.request("ledger", ledger_index=paid["ledger"])
    assert paid["closed"] == format_time(RippleTime(ledger["ledger"]["close_time"]))
    assert all(line["closed"] for line in told["story"] if line["ledger"])
    _, text = await command(stage, "channel", "explain", channel, text=True)
    assert f"ledger {paid['ledger']} closed {paid['closed']}" in text


async def test_channel_that_nobody_redeems_says_so(stage: Stage) -> None:
    """A close request, a claim, and no daemon: whoever asks learns what to do while there is time.

    With one in shadow mode, that it sends nothing.
    """
    channel = await stage.channel()
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    _, (told,) = await command(stage, "explain", channel)
    assert told["next"] == [
        "nothing, for the daemon does not run: start it with `watchtower run`, now."
    ]
    async with stage.tower(shadow=True):
        await stage.until_told(channel, "would_redeem")

        async def shadows() -> bool:
            _, (now,) = await command(stage, "explain", channel)
            told.update(now)
            return "shadow mode" in now["next"][0]

        await stage.until(shadows, closing=False)
    assert "in shadow mode nothing is sent" in told["why_redeemed_or_not"][-1]
    (alarm,) = told["alarms"]
    assert alarm["name"] == "close_requested"


async def test_expired_channel_has_nothing_left_to_be_done(stage: Stage) -> None:
    """It is still in the ledger, so that it looks as if it could be redeemed."""
    channel = await stage.channel(settle_delay=1)
    await stage.keep(channel, 30 * XRP)
    await stage.close_request(channel)
    for _ in range(3):
        await stage.sandbox.accept()
    _, (told,) = await command(stage, "explain", channel)
    assert told["verdict"] == "Expired"
    assert told["next"] == [
        "nothing can be redeemed any more; the channel goes when anybody touches it."
    ]


async def test_channel_of_others_is_told_as_that(stage: Stage) -> None:
    """Whoever mixed up two ids must not wait for something to happen."""
    outbound = await stage.hand.create_channel(stage.payee, stage.payer, 50 * XRP, 3600)
    _, (told,) = await command(stage, "explain", outbound)
    assert told["next"] == ["nothing: it pays none of the accounts that are guarded here."]
    assert told["why_redeemed_or_not"] == [
        "No claim for it is kept here, so there is nothing to redeem."
    ]


async def test_unknown_channel_says_what_may_be_the_matter(stage: Stage) -> None:
    """A claim that waits, another network, a channel long gone, an account not guarded."""
    unknown = ChannelId("A" * 64)
    code, text = await command(stage, "explain", unknown, text=True)
    assert code == 41
    for part in ("another network's", "closed before", stage.payee.address):
        assert part in text
    assert "pending" not in text
    async with stage.store() as store, store.write() as work:
        await work.claims.put_pending(stage.claim(unknown, XRP))
    _, text = await command(stage, "explain", unknown, text=True)
    assert "A claim for it is kept as pending" in text
