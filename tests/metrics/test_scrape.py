"""Prometheus reads a tower that runs: a real daemon, a real socket, on the sandbox ledger."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import httpx
import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as plain

from tests.interfaces.test_access import ask, bearer, token, until_status
from tests.interfaces.test_http import client_of, wire
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.access.token import Scope
from watchtower.metrics.catalogue import CATALOGUE
from watchtower.metrics.counting import Spreads
from watchtower.metrics.exposition import Exposition
from watchtower.metrics.metric import PREFIX, Sample
from watchtower.settings import HttpSettings

OPENMETRICS = "application/openmetrics-text; version=1.0.0"


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower listens at a unix socket."""
    async with stage_on(tmp_path) as made:
        made.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        yield made


def values(text: str) -> dict[str, float]:
    """Every sample, by its name and labels as they are written."""
    lines = (line for line in text.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}


async def until_measured(
    stage: Stage, client: httpx.AsyncClient, wanted: Mapping[str, float]
) -> tuple[str, dict[str, float]]:
    """Scrape until all that is wanted is told; return the text, and the samples."""
    found: list[str] = []

    async def is_measured() -> bool:
        found[:] = [(await client.get("/metrics")).text]
        told = values(found[0])
        if all(told.get(name) == value for name, value in wanted.items()):
            return True
        # The text is made once a second at most: who asks sooner hears the same.
        await asyncio.sleep(0.1)
        return False

    await stage.until(is_measured)
    return found[0], values(found[0])


async def test_a_dispute_can_be_read_from_the_metrics(stage: Stage) -> None:
    """What was promised, redeemed, spent, and how fast; and every family is exported."""
    channel, other = await stage.channel(), await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        for one in (channel, other):
            await client.post("/v1/claims", json=wire(stage.claim(one, 30 * XRP)))
        await client.post("/v1/claims", json=wire(stage.claim(other, 20 * XRP)))
        await client.get("/v1/channels/" + channel)
        await client.get("/v1/nothing/" + stage.payee.address)
        before, _ = await until_measured(stage, client, {"watchtower_channels": 2})
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        wanted = {
            "watchtower_at_stake_drops": 30 * XRP,
            "watchtower_redeemed_drops_total": 30 * XRP,
            'watchtower_outcomes_total{outcome="paid"}': 1,
            "watchtower_reaction_seconds_count": 1,
            "watchtower_close_to_paid_ledgers_count": 1,
            'watchtower_claims_total{answer="kept",serve="yes"}': 2,
            'watchtower_claims_total{answer="not_above_best",serve="no"}': 1,
            'watchtower_notices_total{alarm="redeemed",kind="happened"}': 1,
            'watchtower_alarms_standing{alarm="single_server",severity="warning"}': 1,
            'watchtower_server_connected{server="1"}': 1,
            "watchtower_ready": 1,
            "watchtower_lost_drops_total": 0,
            'watchtower_http_requests_total{route="/v1/claims",status="2xx"}': 3,
            'watchtower_http_requests_total{route="none",status="4xx"}': 1,
        }
        text, told = await until_measured(stage, client, wanted)
        newest = told["watchtower_newest_ledger"]
    assert told["watchtower_unaccounted_ledgers"] == newest - told["watchtower_accounted_ledger"]
    assert told["watchtower_fees_drops_total"] >= told["watchtower_fees_today_most_drops"] > 0
    assert told["watchtower_store_commit_seconds_count"] > 0
    assert told["watchtower_disk_free_bytes"] > told["watchtower_store_bytes"] > 0
    families = {family.name: family.type for family in plain(text)}
    assert {name: kind for name, kind in families.items() if name.startswith(PREFIX)} == {
        metric.name.removesuffix("_total"): metric.kind.value for metric in CATALOGUE
    }
    assert before != text


async def test_nothing_in_it_tells_who_pays_whom(stage: Stage) -> None:
    """No account, channel or transaction of those that were there, or of any other; no address."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        await client.post("/v1/claims", json=wire(stage.claim(channel, 30 * XRP)))
        await client.get(f"/v1/channels/{channel}")
        await client.get(f"/{stage.payer.address}/{channel}?{stage.payee.address}")
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)
        wanted = {
            'watchtower_outcomes_total{outcome="paid"}': 1,
            'watchtower_alarms_standing{alarm="single_server",severity="warning"}': 1,
        }
        text, _ = await until_measured(stage, client, wanted)
    for secret in (channel, stage.payer.address, stage.payee.address, stage.sandbox.url):
        assert secret.lower() not in text.lower()
    assert re.findall(r"\br[1-9A-HJ-NP-Za-km-z]{24,34}\b", text) == []
    assert re.findall(r"[0-9A-Fa-f]{64}", text) == []
    assert "://" not in text


async def test_what_presses_is_measured_before_it_is_answered(stage: Stage) -> None:
    """In shadow nothing is redeemed, so what is threatened stays: with its time, and its worth."""
    channel = await stage.channel()
    async with stage.tower(shadow=True), client_of(stage) as client:
        await client.post("/v1/claims", json=wire(stage.claim(channel, 30 * XRP)))
        await stage.close_request(channel)
        wanted = {
            "watchtower_threatened_at_stake_drops": 30 * XRP,
            'watchtower_pressing_channels{verdict="threatened"}': 1,
            'watchtower_obligations{act="redeem"}': 1,
            "watchtower_shadow": 1,
        }
        _, told = await until_measured(stage, client, wanted)
    assert 3000 < told["watchtower_nearest_deadline_slack_seconds"] < 3600
    nearest = told["watchtower_nearest_deadline_slack_seconds"]
    assert told["watchtower_nearest_promised_slack_seconds"] == nearest


async def test_a_channel_that_was_too_short_from_the_start_wakes_nobody(stage: Stage) -> None:
    """It presses, and is shown; what people are woken by leaves it out."""
    channel = await stage.channel(settle_delay=110)
    async with stage.tower(shadow=True), client_of(stage) as client:
        await client.post("/v1/claims", json=wire(stage.claim(channel, 30 * XRP)))
        await stage.close_request(channel)
        wanted = {'watchtower_pressing_channels{verdict="threatened"}': 1}
        _, told = await until_measured(stage, client, wanted)
    assert told["watchtower_nearest_deadline_slack_seconds"] < 110
    assert "watchtower_nearest_promised_slack_seconds" not in told


async def test_what_another_process_keeps_and_what_becomes_of_servers_is_counted(
    stage: Stage,
) -> None:
    """A claim of `watchtower claim add`, a connection that ended, and the journal that grows."""
    channel = await stage.channel()
    async with stage.tower(), client_of(stage) as client:
        await until_measured(stage, client, {"watchtower_ready": 1})
        await stage.keep(channel, 20 * XRP)
        await stage.keep(channel, 30 * XRP)
        elsewhere = 'watchtower_claims_total{answer="kept",serve="elsewhere"}'
        _, before = await until_measured(stage, client, {elsewhere: 2})
        await client.post("/v1/claims", json=wire(stage.claim(channel, 40 * XRP)))
        stage.sandbox.cut()
        wanted = {
            elsewhere: 2,
            'watchtower_server_reconnects_total{server="1"}': 1,
            'watchtower_claims_total{answer="kept",serve="yes"}': 1,
        }
        _, after = await until_measured(stage, client, wanted)
    assert after["watchtower_journal_number"] > 0
    assert after["watchtower_journal_number"] >= before["watchtower_journal_number"]


async def test_openmetrics_is_told_to_whoever_asks_for_it(stage: Stage) -> None:
    """Prometheus does; a browser gets plain text. Both can be read by the field's own readers."""
    async with stage.tower(), client_of(stage) as client:
        open_ = await client.get("/metrics", headers={"accept": OPENMETRICS})
        text = await client.get("/metrics", headers={"accept": "text/html, */*"})
    assert open_.headers["content-type"].startswith(OPENMETRICS)
    assert text.headers["content-type"].startswith("text/plain; version=0.0.4")
    units = {family.name: family.unit for family in openmetrics(open_.text)}  # type: ignore[no-untyped-call]  # it has no types
    assert {m.name.removesuffix("_total"): m.unit for m in CATALOGUE}.items() <= units.items()
    assert list(plain(text.text))


@pytest.mark.parametrize("version", ["abc", "7.1", "1.0.0.x", ""])
async def test_what_a_reader_asks_for_is_neither_kept_nor_said_back(version: str) -> None:
    """A version that nobody knows is no error, no room in memory, and no line of a header."""
    made = []

    def read() -> tuple[list[Sample], Spreads]:
        made.append(version)
        return [], {}

    async def look() -> list[Sample]:
        return []

    exposition = Exposition(read, look, clock=lambda: 0.0)
    asked = f"application/openmetrics-text; version={version}"
    known = await exposition.text(OPENMETRICS)
    assert await exposition.text(asked) == known
    assert known[1].startswith(OPENMETRICS)
    assert len(made) == 1


async def test_the_token_of_prometheus_sees_nothing_else(stage: Stage) -> None:
    """Least privilege: whoever steals it from there learns numbers, and no channel."""
    listen = stage.settings.http.listen
    stage.with_settings(http=HttpSettings(listen=listen, require_token=True))
    shown = bearer(await token(stage, "prometheus", [Scope.METRICS]))
    async with stage.tower(), client_of(stage) as client:
        assert (await client.get("/metrics")).status_code == 401
        told = await until_status(client, "GET /metrics", shown, 200)
        assert f"{PREFIX}build_info" in told.text
        for route in ("GET /v1/channels", "GET /v1/status", "POST /v1/claims"):
            assert (await ask(client, route, shown)).status_code == 403


async def test_drills_and_backups_are_told_of(stage: Stage, tmp_path: Path) -> None:
    """The last drill at each place, as it is noted, and the newest backup that can be seen."""
    drills = [
        {"at": 100, "place": "sandbox", "seconds": 3.5, "ledgers": 2, "paid": False, "why": "no"},
        {"at": 200, "place": "sandbox", "seconds": 2.5, "ledgers": 2, "paid": True, "why": None},
        {"at": 150, "place": "network", "seconds": 9.0, "ledgers": 3, "paid": False, "why": "no"},
    ]
    async with stage.store() as store, store.write() as work:
        await work.notes.put("drills", drills)
    folder = tmp_path / "backups"
    folder.mkdir()
    (folder / "one.backup").write_bytes(b"")
    backup = type(stage.settings.backup)(folder=str(folder))
    stage.with_settings(backup=backup)
    async with stage.tower(), client_of(stage) as client:
        told = values((await client.get("/metrics")).text)
    assert told['watchtower_drill_timestamp_seconds{place="sandbox"}'] == 200
    assert told['watchtower_drill_paid{place="sandbox"}'] == 1
    assert told['watchtower_drill_duration_seconds{place="network"}'] == 9
    assert told['watchtower_drill_paid{place="network"}'] == 0
    written = (folder / "one.backup").stat().st_mtime
    assert told["watchtower_backup_timestamp_seconds"] == pytest.approx(written)
