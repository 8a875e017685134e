"""A channel's page: that it is there, and that nothing on it says more than is known."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from typing_extensions import override

from tests.interfaces.dashboard.browsers import browser_of
from tests.interfaces.dashboard.test_pages import HOSTILE, Elements, Tower, pages_of, report
from tests.interfaces.test_story import numbered
from tests.store import make
from tests.tower.conftest import XRP, Stage, stage_on
from watchtower.interfaces.channel_view import Standing, View, view_of
from watchtower.interfaces.past import Past
from watchtower.judgement.channel import Channel
from watchtower.judgement.outgoing import Tally
from watchtower.judgement.rules import STRICT
from watchtower.response.attempt import OutcomeKind
from watchtower.sections import AccountSettings
from watchtower.settings import HttpSettings
from watchtower.units import ChannelId, RippleTime

NOW = RippleTime(820_000_000)
NOTHING = Past((), 0, (), None)


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower lets everybody in who may open its socket."""
    async with stage_on(tmp_path) as made:
        made.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        yield made


class Knowing(Tower):
    """A tower that knows one channel."""

    def __init__(self, view: View, past: Past = NOTHING, **said: Any) -> None:
        super().__init__(lambda: report(**said))
        self.view = view
        self.what_was = past

    @override
    async def channel(self, channel_id: ChannelId) -> View | None:
        """Know that one."""
        return self.view if channel_id == self.view.channel.entry.channel else None

    @override
    async def past(self, channel_id: ChannelId, before: int | None, limit: int) -> Past:
        """Know what became of it."""
        return self.what_was


async def page_about(view: View, past: Past = NOTHING, **said: Any) -> str:
    """Return the page of a channel, of a tower that says so."""
    async with pages_of(Knowing(view, past, **said)) as (browser, _):
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


def seen_as(stage: Stage, channel: Channel, time: int = NOW, **more: Any) -> View:
    """Return a channel with a claim, as a daemon judges it at a ledger time; 0 is before any."""
    now = Standing(ledger_time=RippleTime(time), rules=STRICT, **more)
    return view_of(stage.settings, channel, make.claim(), Tally(), now=now, accounted=None)


async def test_an_alarm_about_a_channel_is_on_its_page_whatever_else_stands(stage: Stage) -> None:
    """A hundred alarms that are more urgent elsewhere do not hide the one that is about it."""
    view = seen_as(stage, make.channel())
    channel = view.channel.entry.channel
    about = [*("elsewhere" for _ in range(100)), channel]
    alarms = [
        {"name": f"n{n}", "subject": subject, "severity": "warning", "sentence": "s", "since": 1}
        for n, subject in enumerate(about)
    ]
    page = await page_about(view, alarms=alarms)
    assert "<code>n100</code>" in page
    assert "<code>n99</code>" not in page


def ending(channel: Channel, **changes: Any) -> Channel:
    """Return a channel whose end is set to the day after `NOW`, or otherwise."""
    entry = replace(channel.entry, **{"expiration": RippleTime(NOW + 86_400), **changes})
    return replace(channel, entry=entry)


async def test_before_the_first_ledger_a_channel_has_no_time_left(stage: Stage) -> None:
    """Nobody knows what time it is: twenty-six years would be left until any end."""
    page = await page_about(seen_as(stage, ending(make.channel()), 0))
    assert "Not judged yet" in page
    assert "not known before the first ledger" in page
    for said in ("left to redeem surely", "Redeeming is sure", "promised</dd>", "sure, whatever"):
        assert said not in page
    assert "left to redeem surely" in await page_about(seen_as(stage, ending(make.channel())))


async def test_an_end_that_hurries_nobody_is_no_danger(stage: Stage) -> None:
    """Where all is paid a deadline that has passed loses nothing."""
    late = ending(make.channel(balance=123_456_789), expiration=RippleTime(NOW + 1))
    paid = await page_about(seen_as(stage, late, over_by=RippleTime(0)), alarms=())
    assert "mark-danger" not in paid
    owed = ending(make.channel(), expiration=RippleTime(NOW + 1))
    assert "mark-danger" in await page_about(seen_as(stage, owed), alarms=())


async def test_the_end_of_a_channel_that_we_pay_is_not_denied(stage: Stage) -> None:
    """Its payer has no deadline to redeem by, and an end all the same."""
    settings = replace(stage.settings, accounts=(AccountSettings(make.PAYER, "payer"),))
    for channel, is_set in ((ending(make.channel()), True), (make.channel(), False)):
        now = Standing(ledger_time=NOW, rules=STRICT)
        view = view_of(settings, channel, None, Tally(), now=now, accounted=None)
        page = await page_about(view)
        assert ("Its end is set." in page, "No end is set" in page) == (is_set, not is_set)


def is_promised(page: str) -> bool:
    """Return whether a page says that what is served now is protected."""
    said = re.search(r"served now</dt><dd>.*?(not )?promised</dd>", page, re.DOTALL)
    assert said is not None
    return said[1] is None


async def test_a_channel_is_judged_as_the_daemon_judges_it(stage: Stage) -> None:
    """Not over by what one server alone has told, and not promised to an account that is gone."""
    ended = ending(make.channel(), expiration=RippleTime(NOW - 1))
    assert "Expired" in await page_about(seen_as(stage, ended))
    page = await page_about(seen_as(stage, ended, over_by=RippleTime(NOW - 100)))
    assert "Threatened" in page
    assert "Expired" not in page
    assert is_promised(await page_about(seen_as(stage, make.channel())))
    gone = frozenset({make.PAYEE})
    page = await page_about(seen_as(stage, make.channel(), missing_payees=gone))
    assert not is_promised(page)


def past_of(text: str) -> Past:
    """What became of a channel, with ``text`` wherever somebody else chose it."""
    outcome = dataclasses.replace(make.outcome(OutcomeKind.REFUSED), why=text)
    story = (
        numbered("attempt_settled", outcome="refused", paid=0, why=text),
        numbered("claim_refused", amount=5, why=text),
        numbered("foreign_transaction", transaction=text, who=text, unpaid=5),
        numbered("of_another_version", fact=text),
    )
    return Past((dataclasses.replace(make.attempt(), outcome=outcome),), 1, story, None)


async def test_what_others_choose_is_text_on_a_channels_page(stage: Stage) -> None:
    """Whatever a server answered, a signer refused with or a transaction was called."""
    view = seen_as(stage, make.channel())
    pages = []
    for text in ("so", HOSTILE):
        about = {"name": "n", "subject": view.channel.entry.channel, "severity": "warning"}
        alarms = [{**about, "sentence": text, "since": 1}]
        pages.append(await page_about(view, past_of(text), alarms=alarms))
    plain, hostile = (Elements(page) for page in pages)
    assert hostile.text.count("<script>alert(1)</script>") == 7
    assert (hostile.tags, hostile.attributes) == (plain.tags, plain.attributes)
    assert "\u202e" not in pages[1]
    assert "\x1b" not in pages[1]
