"""The report's sums, held against the balances of the ledger itself."""

from __future__ import annotations

from typing import Any

from tests.tower.conftest import XRP, Stage
from tests.tower.test_commands import command
from watchtower.units import RippleTime, format_time


async def reported(stage: Stage, begin: int, end: int) -> dict[str, Any]:
    """The report from one close time up to another."""
    edges = ("--from", format_time(RippleTime(begin)), "--to", format_time(RippleTime(end)))
    code, (report,) = await command(stage, "report", *edges)
    assert code == 0
    return dict(report)


async def test_report_is_what_the_ledger_has_paid_and_taken(stage: Stage) -> None:
    """Redeemed is what channels paid, fees are what is missing; each ledger is in one period."""
    begun = stage.sandbox.close_time
    before = await stage.money()
    channels = [await stage.channel() for _ in range(2)]
    async with stage.tower():
        await stage.keep(channels[0], 30 * XRP)
        await stage.close_request(channels[0])
        await stage.until_paid(channels[0], 30 * XRP)
        await stage.until_told(channels[0], "attempt_settled")
        between = stage.sandbox.close_time
        await stage.sandbox.accept()
        await stage.keep(channels[1], 20 * XRP)
        await stage.close_request(channels[1])
        await stage.until_paid(channels[1], 20 * XRP)
        await stage.until_told(channels[1], "attempt_settled")
    after, ended = await stage.money(), stage.sandbox.close_time + 1
    whole = await reported(stage, begun, ended)
    (with_channel,) = (each for each in whole["totals"] if each["role"] == "payee")
    redeemed = int(with_channel["redeemed_drops"])
    assert redeemed == sum([await stage.balance(channel) for channel in channels])
    fees = sum(int(each["fees_drops"]) for each in whole["totals"])
    assert after == before + redeemed - fees
    assert {row["channel"] for row in whole["rows"]} >= set(channels)
    first, second = (
        await reported(stage, begun, between + 1),
        await reported(stage, between + 1, ended),
    )
    for part, paying in ((first, channels[0]), (second, channels[1])):
        paid = {row["channel"] for row in part["rows"] if int(row["redeemed_drops"])}
        assert paid == {paying}
    assert first["to_ledger"] == second["from_ledger"]
    # By ledger time, which is years away from this host's.
    assert (first["complete"], second["complete"], whole["complete"]) == (True, False, False)
    for column in ("redeemed_drops", "fees_drops"):
        parts = [int(row[column]) for part in (first, second) for row in part["rows"]]
        assert sum(parts) == sum(int(row[column]) for row in whole["rows"])
