"""The list of channels and the picture, as a browser gets them from a daemon that runs."""

from __future__ import annotations

import re

from litestar import Request

from tests.interfaces.dashboard.browsers import browser_of, has_inline
from tests.tower.conftest import XRP, Stage
from watchtower.interfaces.dashboard.listing import BusyError
from watchtower.interfaces.http.problems import HANDLERS
from watchtower.machine import Machine
from watchtower.tower.tending import Rhythm
from watchtower.units import ChannelId


def ids_of(page: str) -> list[str]:
    """The channels of a list, in its order."""
    return re.findall(r'<tr id="row-([0-9A-F]{64})">', page)


async def three(stage: Stage) -> list[ChannelId]:
    """Channels with 10, 20 and 30 XRP at stake; the last one ends soon after it is asked to."""
    made = [await stage.channel() for _ in range(3)]
    for number, channel in enumerate(made, start=1):
        await stage.keep(channel, 10 * number * XRP)
    return made


async def test_list_is_searched_narrowed_and_sorted_by_its_address(stage: Stage) -> None:
    """Each in the address alone, so that it works without scripts, and a link can be sent."""
    low, middle, high = await three(stage)
    async with stage.tower(), browser_of(stage) as browser:

        async def listed(query: str) -> list[str]:
            seen = await browser.get(f"/dashboard/channels{query}")
            assert seen.status_code == 200, seen.text
            assert not has_inline(seen.text)
            return ids_of(seen.text)

        async def is_told() -> bool:
            return await listed("") == [high, middle, low]

        await stage.until(is_told)
        assert await listed("?order=asc") == [low, middle, high]
        assert await listed(f"?q={middle[:9].lower()}") == [middle]
        assert await listed(f"?q={stage.payer.address}+watching&show=at_stake") == [
            high,
            middle,
            low,
        ]
        assert await listed("?show=threatened") == []
        assert await listed("?sort=id") == sorted([low, middle, high])
        assert await listed(f"?after={20 * XRP}.{middle}") == [low]
        assert await listed(f"?before={20 * XRP}.{middle}") == [high]


async def test_links_of_the_list_lead_where_they_say(stage: Stage) -> None:
    """A header sorts by its column, once more turns it round, and the words stay."""
    await three(stage)
    async with stage.tower(), browser_of(stage) as browser:
        seen = await browser.get("/dashboard/channels?q=watching")
        sorted_by = r'<th [^>]*aria-sort="descending"><a class="sort" href="([^"]+)"'
        (stake,) = re.findall(sorted_by, seen.text)
        again = await browser.get(stake.replace("&amp;", "&"))
        (way,) = re.findall(r'aria-sort="(\w+)"', again.text)
        assert way == "ascending"
        assert 'value="watching"' in again.text


async def test_query_that_cannot_be_read_is_a_page_that_says_why(stage: Stage) -> None:
    """With the status and the word of it, and what was written stays text."""
    async with stage.tower(), browser_of(stage) as browser:
        for query, why in {
            "?q=%3Cscript%3Ealert(1)%3C/script%3E": "is not the beginning of a channel",
            "?sort=size": "is one of",
            "?limit=1000000": "Nothing is called",
            "?after=7": "is no place in this list",
        }.items():
            seen = await browser.get(f"/dashboard/channels{query}")
            assert seen.status_code == 400
            assert why in seen.text
            assert "malformed" in seen.text
            assert "<script>alert" not in seen.text
        assert (await browser.get("/dashboard?range=1y")).status_code == 400


async def test_overview_draws_what_was_at_stake(stage: Stage) -> None:
    """As far back as its links say, with the same in words and in numbers."""
    await stage.keep(await stage.channel(), 30 * XRP)
    async with (
        stage.tower(machine=Machine(rhythm=Rhythm(rounds=0.1))),
        browser_of(stage) as browser,
    ):
        page = ""

        async def is_drawn() -> bool:
            nonlocal page
            page = (await browser.get("/dashboard")).text
            return "at most 30 XRP was at stake; now it is 30 XRP" in page

        await stage.until(is_drawn)
        assert re.search(r'<path class="chart-area" d="M[^"]+Z"', page)
        assert not has_inline(page)
        for back, words in {"3h": "3 hours", "3d": "3 days", "90d": "90 days"}.items():
            assert f'href="/dashboard?range={back}#part-history"' in page
            seen = await browser.get(f"/dashboard?range={back}")
            assert f"In the last {words} at most 30 XRP" in seen.text


async def test_who_finds_the_line_too_long_is_told_so_on_a_page() -> None:
    """As a page where a browser looks, with the word that other clients know."""
    headers = [(b"accept", b"text/html")]
    scope = {
        "type": "http",
        "method": "GET",
        "path": "/dashboard/channels",
        "query_string": b"",
        "headers": headers,
    }
    told = HANDLERS[BusyError](Request(scope), BusyError())  # type: ignore[arg-type]  # as far as it is read
    assert told.status_code == 503
    assert "<code>crowded</code>" in told.content
