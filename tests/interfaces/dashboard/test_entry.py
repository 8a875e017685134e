"""How a browser comes in to the dashboard, of a daemon that runs, by tokens in a real store."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest

from tests.interfaces.dashboard.browsers import OWN, PAGE, browser_of, log_in, logged_in, until_out
from tests.interfaces.test_access import bearer, token
from tests.tower.conftest import Stage, stage_on
from watchtower.access.token import Scope
from watchtower.interfaces.dashboard import sessions as sessions_module
from watchtower.settings import HttpSettings

PAGES = ("/dashboard", "/dashboard/alerts")


@pytest.fixture
async def stage(tmp_path: Path) -> AsyncIterator[Stage]:
    """A stage whose tower listens at a unix socket and wants tokens."""
    async with stage_on(tmp_path) as made:
        listen = f"unix:{tmp_path / 'door.sock'}"
        made.with_settings(http=HttpSettings(listen=listen, require_token=True))
        yield made


def cookie_of(told: httpx.Response) -> tuple[str, dict[str, str]]:
    """The cookie that an answer sets: its name, and what is said of it."""
    found = SimpleCookie(told.headers["set-cookie"])
    ((name, morsel),) = found.items()
    return name, {key: str(value) for key, value in morsel.items() if value}


async def test_a_browser_without_a_token_sees_the_form_and_a_client_a_problem(
    stage: Stage,
) -> None:
    """The same refusal, each in words that its reader understands; nothing of the tower is told."""
    async with stage.tower(), browser_of(stage) as browser:
        for path in PAGES:
            seen = await browser.get(path)
            assert seen.status_code == 401
            assert "Show a token" in seen.text
            assert f'name="next" value="{path}"' in seen.text
            assert stage.payee.address not in seen.text
            told = await browser.get(path, headers={"accept": "*/*"})
            assert (told.status_code, told.json()["type"]) == (401, "token_missing")


async def test_a_token_is_shown_once_and_a_cookie_stands_for_it(stage: Stage) -> None:
    """The cookie is for pages alone: read by no script, sent nowhere else, and never the token."""
    async with stage.tower(), browser_of(stage) as browser:
        text = await token(stage, "operator", [Scope.READ])
        told = await log_in(browser, text, next="/dashboard/alerts")
        name, said = cookie_of(told)
        assert (told.status_code, told.headers["location"]) == (303, "/dashboard/alerts")
        assert name == "watchtower"
        assert said == {
            "path": "/dashboard",
            "httponly": "True",
            "samesite": "strict",
            "max-age": "43200",
        }
        assert text not in str(told.headers)
        for path in PAGES:
            assert (await browser.get(path)).status_code == 200
        shown = f"{name}={browser.cookies['watchtower']}"
        beyond = await browser.get("/v1/channels", headers={"cookie": shown})
        assert (beyond.status_code, beyond.json()["type"]) == (401, "token_missing")


async def test_over_tls_the_cookie_goes_over_tls_alone(stage: Stage) -> None:
    """Also behind a proxy, where the browser alone knows by what it came."""
    async with stage.tower(), browser_of(stage) as browser:
        text = await token(stage, "operator", [Scope.READ])
        await log_in(browser, text)
        own = {**PAGE, "origin": "https://door"}
        told = await browser.post("/dashboard/login", data={"token": text}, headers=own)
    name, said = cookie_of(told)
    assert (name, said["secure"]) == ("__Secure-watchtower", "True")


@pytest.mark.parametrize(
    "origin", ["http://elsewhere.example", "null", "", "http://door.example", "http://[", "door"]
)
async def test_another_page_can_have_nobody_log_in_or_out(stage: Stage, origin: str) -> None:
    """Neither with a token of the attacker's own, nor to annoy."""
    async with stage.tower(), browser_of(stage) as browser:
        text = await logged_in(stage, browser)
        for path in ("/dashboard/login", "/dashboard/logout"):
            foreign = {**PAGE, **({"origin": origin} if origin else {})}
            told = await browser.post(path, data={"token": text}, headers=foreign)
            assert told.status_code == 403, path
            assert "set-cookie" not in told.headers
            assert "another page" in told.text
        assert (await browser.get("/dashboard")).status_code == 200


async def test_who_came_in_plain_text_sends_no_form_to_a_page_over_tls(stage: Stage) -> None:
    """Whoever is on the way has written that page: its name and port are ours, and it is not."""
    async with stage.tower(), browser_of(stage) as browser:
        text = await logged_in(stage, browser)
        for site in ("cross-site", "same-site"):
            for path in ("/dashboard/login", "/dashboard/logout"):
                sent = {**OWN, "sec-fetch-site": site, "sec-fetch-mode": "navigate"}
                told = await browser.post(path, data={"token": text}, headers=sent)
                assert told.status_code == 403
                assert "another page" in told.text
        own = {**OWN, "sec-fetch-site": "same-origin", "sec-fetch-mode": "navigate"}
        assert (await log_in(browser, text)).status_code == 303
        told = await browser.post("/dashboard/logout", headers=own)
        assert told.headers["location"] == "/dashboard/login"


@pytest.mark.parametrize(
    ("mode", "dest", "status"),
    [
        ("navigate", "document", 200),
        ("navigate", "iframe", 403),
        ("no-cors", "image", 403),
        ("no-cors", "empty", 403),
        ("cors", "empty", 403),
    ],
)
async def test_a_page_of_others_may_link_to_ours_and_have_nothing_else_asked(
    tmp_path: Path, mode: str, dest: str, status: int
) -> None:
    """Where nobody needs a token any page could have all channels searched, and take all places."""
    async with stage_on(tmp_path) as stage:
        stage.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        led = {"sec-fetch-site": "cross-site", "sec-fetch-mode": mode, "sec-fetch-dest": dest}
        own = {**led, "sec-fetch-site": "same-origin"}
        async with stage.tower(), browser_of(stage) as browser:
            for path in ("/dashboard", "/dashboard/channels", "/dashboard/alerts"):
                assert (await browser.get(path, headers=led)).status_code == status, path
                assert (await browser.get(path, headers=own)).status_code == 200, path
            if status != 200:
                told = await browser.get("/dashboard/events", headers=led)
                assert "another page" in told.text


async def test_who_logs_out_of_a_session_that_has_ended_is_not_led_into_a_dead_end(
    stage: Stage,
) -> None:
    """What was sent as a form is no page to come back to."""
    async with stage.tower(), browser_of(stage) as browser:
        text = await logged_in(stage, browser)
        headers = {**OWN, "cookie": "watchtower=of-another-day"}
        told = await browser.post("/dashboard/logout", headers=headers)
        assert (told.status_code, 'name="next" value="/dashboard"' in told.text) == (401, True)
        for wanted in ("/dashboard/logout", "/dashboard/login", "/dashboard/events?channel=1"):
            told = await log_in(browser, text, next=wanted)
            assert (told.status_code, told.headers["location"]) == (303, "/dashboard"), wanted


async def test_the_form_leads_nowhere_but_to_our_own_pages(stage: Stage) -> None:
    """An address that somebody sent around must not lead on to a page that looks like ours."""
    async with stage.tower(), browser_of(stage) as browser:
        text = await token(stage, "operator", [Scope.READ])
        for wanted in (
            "https://elsewhere.example/dashboard",
            "//elsewhere.example",
            "/dashboard//elsewhere.example",
            "/dashboardx",
            "/dashboard/\r\nx: y",
            "/dashboard/../v1/channels",
        ):
            told = await log_in(browser, text, next=wanted)
            assert (told.status_code, told.headers["location"]) == (303, "/dashboard"), wanted


async def test_a_token_of_another_scope_opens_nothing_and_is_told_why(stage: Stage) -> None:
    """By the form and as a client."""
    async with stage.tower(), browser_of(stage) as browser:
        text = await token(stage, "shop", [Scope.SUBMIT, Scope.METRICS])
        told = await log_in(browser, text)
        assert told.status_code == 403
        assert "<code>read</code>" in told.text
        assert "set-cookie" not in told.headers
        told = await browser.get("/dashboard", headers=bearer(text))
        assert (told.status_code, "<code>read</code>" in told.text) == (403, True)


@pytest.mark.parametrize("shown", ["", "nonsense", "xwt_0123456789abcdef_" + "A" * 43, "é" * 99])
async def test_what_is_no_token_is_refused_and_not_repeated(stage: Stage, shown: str) -> None:
    """A typing mistake may be most of a token."""
    async with stage.tower(), browser_of(stage) as browser:
        told = await browser.post("/dashboard/login", data={"token": shown}, headers=OWN)
    assert told.status_code in (400, 401)
    assert "set-cookie" not in told.headers
    assert not shown or shown not in told.text


async def test_a_form_that_is_too_large_or_none_is_refused(stage: Stage) -> None:
    """Whoever has no token yet cannot have us read a megabyte."""
    async with stage.tower(), browser_of(stage) as browser:
        large = await browser.post("/dashboard/login", data={"token": "x" * 5_000}, headers=OWN)
        other = await browser.post("/dashboard/login", json={"token": "x"}, headers=OWN)
    assert (large.status_code, other.status_code) == (413, 415)


async def test_a_session_is_worth_what_its_token_is_worth_now(stage: Stage) -> None:
    """Revoked while the page is open: out with the next request, and told why."""
    async with stage.tower(), browser_of(stage) as browser:
        await logged_in(stage, browser)
        assert (await browser.get("/dashboard")).status_code == 200
        async with stage.store() as store, store.write() as work:
            await work.tokens.revoke("operator")
        seen = await until_out(browser)
        assert "You are not logged in any more" in seen.text


async def test_a_session_ends_with_its_tokens_time(stage: Stage) -> None:
    """A token of an hour opens nothing for twelve."""
    async with stage.tower(), browser_of(stage) as browser:
        expires = int(time.time()) + 3
        text = await token(stage, "operator", [Scope.READ], expires=expires)
        assert (await log_in(browser, text)).status_code == 303
        await until_out(browser)
        assert time.time() >= expires


async def test_logging_out_ends_the_session_here_too(stage: Stage) -> None:
    """Who copied the cookie meanwhile has nothing."""
    async with stage.tower(), browser_of(stage) as browser:
        await logged_in(stage, browser)
        kept = {"cookie": f"watchtower={browser.cookies['watchtower']}", **PAGE}
        told = await browser.post("/dashboard/logout", headers=OWN)
        assert (told.status_code, told.headers["location"]) == (303, "/dashboard/login")
        assert cookie_of(told)[1].get("max-age") == "0"
        browser.cookies.clear()
        assert (await browser.get("/dashboard", headers=kept)).status_code == 401


async def test_an_idle_session_is_over(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever finds the browser tomorrow sees the form."""
    async with stage.tower(), browser_of(stage) as browser:
        await logged_in(stage, browser)
        monkeypatch.setattr(sessions_module, "IDLE", 0.0)
        assert (await browser.get("/dashboard")).status_code == 401


async def test_where_no_token_is_required_nobody_logs_in(tmp_path: Path) -> None:
    """Who may open the socket is welcome, with whatever cookie of another day."""
    async with stage_on(tmp_path) as stage:
        stage.with_settings(http=HttpSettings(listen=f"unix:{tmp_path / 'door.sock'}"))
        async with stage.tower(), browser_of(stage) as browser:
            for headers in (PAGE, {**PAGE, "cookie": "watchtower=of-another-day"}):
                seen = await browser.get("/dashboard", headers=headers)
                assert (seen.status_code, "Log out" in seen.text) == (200, False)
            told = await browser.get("/dashboard/login")
            assert (told.status_code, told.headers["location"]) == (303, "/dashboard")
