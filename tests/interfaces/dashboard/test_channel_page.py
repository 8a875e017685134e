"""A channel's page: that it is there, and that nothing on it says more than is known."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from typing_extensions import override

from tests.interfaces.dashboard.browsers import browser_of
from tests.interfaces.dashboard.test_pages import Tower, pages_of, report
from tests.store import make
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.interfaces.channel_view import Standing, View, view_of
from watchtower.judgement.outgoing import Tally
from watchtower.judgement.rules import STRICT
from watchtower.settings import HttpSettings
from watchtower.units import ChannelId, RippleTime

NOW = RippleTime(820_000_000)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower lets everybody in who may open its socket."""
    async with stage_on(tmp_path) as made:
        made.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        yield made


class Knowing(Tower):
    """A tower that knows one channel."""

    def __init__(self, view: View, **said: Any) -> None:
        super().__init__(lambda: report(**said))
        self.view = view

    @override
    async def channel(self, channel_id: ChannelId) -> View | None:
        """Know that one."""
        return self.view if channel_id == self.view.channel.entry.channel else None


async def page_about(view: View, **said: Any) -> str:
    """Return the page of a channel, of a tower that says so."""
    async with pages_of(Knowing(view, **said)) as (browser, _):
        seen = await browser.get(f"/dashboard/channels/{view.channel.entry.channel}")
    assert seen.status_code == 200, seen.text
    return seen.text


async def test_the_page_of_a_channel_tells_what_became_of_it(stage: Stage) -> None:
    """Of a daemon that runs: its claim, its end, and what was tried."""
    channel = await stage.channel()
    async with stage.tower(), browser_of(stage) as browser:
        await stage.keep(channel, 30 * XRP)
        await stage.close_request(channel)
        await stage.until_paid(channel, 30 * XRP)

        async def told() -> bool:
            seen = await browser.get(f"/dashboard/channels/{channel}")
            assert seen.status_code == 200, seen.text
            return "<strong>paid</strong>" in seen.text

        await stage.until(told)


async def test_an_alarm_about_a_channel_is_on_its_page_whatever_else_stands(stage: Stage) -> None:
    """A hundred alarms that are more urgent elsewhere do not hide the one that is about it."""
    view = view_of(
        stage.settings,
        make.channel(),
        make.claim(),
        Tally(),
        now=Standing(ledger_time=NOW, rules=STRICT),
        accounted=None,
    )
    channel = view.channel.entry.channel
    about = [*("elsewhere" for _ in range(100)), channel]
    alarms = [
        {"name": f"n{n}", "subject": subject, "severity": "warning", "sentence": "s", "since": 1}
        for n, subject in enumerate(about)
    ]
    page = await page_about(view, alarms=alarms)
    assert "<code>n100</code>" in page
    assert "<code>n99</code>" not in page
