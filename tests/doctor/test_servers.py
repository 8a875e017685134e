"""What the doctor says of servers: each by itself, whatever the others do."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doctor.conftest import Practice, levels, one_of
from watchtower.doctor.finding import Level
from watchtower.doctor.of_servers import ServerFacts, of_certificate, of_clock, of_server
from watchtower.units import Drops, LedgerIndex, RippleTime, unix_time

OF_SERVERS = ("servers.reachable", "servers.synced", "servers.network", "servers.amendments")


async def test_servers_that_are_well_are_said_to_be(practice: Practice) -> None:
    """Two of them, in every respect."""
    found = await practice.look()

    for check in (*OF_SERVERS, "servers.fee"):
        assert levels(found, check) == [Level.OK, Level.OK], check
    assert levels(found, "servers.agree") == [Level.OK]
    assert levels(found, "servers.number") == [Level.OK]


@pytest.mark.parametrize(
    ("wrong", "check", "said"),
    [
        ({"hang": True}, "servers.reachable", "did not answer within"),
        ({"refuse_connections": True}, "servers.reachable", "cannot be reached"),
        ({"lies": {"server_state": {"state": 7}}}, "servers.reachable", "it has no state"),
        ({"behind": 10}, "servers.synced", "10 behind another one"),
        ({"lies": {"server_state": {"state.server_state": "syncing"}}}, "servers.synced", "not in"),
        ({"lies": {"server_info": {"info.validated_ledger.age": 300}}}, "servers.synced", "300 s"),
        ({"network_id": 7}, "servers.network", "serves network 7, and the store is pinned to 0"),
        ({"amendment_blocked": True}, "servers.amendments", "too old for"),
    ],
)
async def test_a_server_that_misbehaves_is_told_of_and_the_other_is_well(
    practice: Practice, wrong: dict[str, Any], check: str, said: str
) -> None:
    """The one that hangs, lags, is blocked or of another network holds up nobody."""
    for _ in range(12):
        await practice.servers[0].accept()
    good, bad = practice.servers
    bad.misbehave(**wrong)
    found = await practice.look()
    bad.misbehave(behave=True)

    told = one_of(found, check, bad.url)
    assert told.level is Level.FAILURE
    assert said in told.sentence
    assert [levels(found, each, good.url) for each in OF_SERVERS] == [[Level.OK]] * 4
    assert levels(found, "authority.right") == [Level.OK]
    assert levels(await practice.look(), check) == [Level.OK, Level.OK]


async def test_servers_that_tell_two_hashes_do_not_agree(practice: Practice) -> None:
    """One of them is wrong, and the doctor cannot say which."""
    lie = {"server_state": {"state.validated_ledger.hash": "AB" * 32}}
    practice.servers[1].misbehave(lies=lie)
    told = one_of(await practice.look(), "servers.agree")

    assert told.level is Level.FAILURE
    assert "2 hashes of ledger" in told.sentence


async def test_a_single_server_has_nobody_to_contradict_it(practice: Practice) -> None:
    """However well it is."""
    practice.servers.pop()
    practice.configure()

    assert levels(await practice.look(), "servers.number") == [Level.WARNING]


async def test_offline_no_server_is_asked(practice: Practice) -> None:
    """None of them hears of it, and what the ledger takes is not known."""
    asked: list[object] = []

    def dial(*words: object) -> Any:
        asked.append(words)

    found = await practice.look(offline=True, dial=dial)

    assert asked == []
    assert [one for one in found if one.group == "servers"] == []
    assert levels(found, "authority.right") == [Level.NOTICE]


def facts(**more: Any) -> ServerFacts:
    """A server that is well."""
    well: dict[str, Any] = {
        "url": "wss://one.example",
        "state": "full",
        "ledger_index": LedgerIndex(100),
        "close_time": RippleTime(800_000_000),
        "complete": "1-100",
        "open_ledger_fee": Drops(10),
        "heard_at": unix_time(RippleTime(800_000_004)),
    }
    return ServerFacts(**{**well, **more})


@pytest.mark.parametrize(
    ("more", "check", "level"),
    [
        ({}, "servers.history", Level.OK),
        ({"complete": "1-60,80-100"}, "servers.history", Level.WARNING),
        ({"complete": "empty"}, "servers.history", Level.WARNING),
        ({}, "servers.fee", Level.OK),
        ({"open_ledger_fee": Drops(2_000_000)}, "servers.fee", Level.WARNING),
    ],
)
def test_history_and_price_are_held_against_what_we_need(
    more: dict[str, Any], check: str, level: Level
) -> None:
    """Ledgers behind the cursor, and the cap of one attempt."""
    found = of_server(
        facts(**more),
        best=LedgerIndex(100),
        pinned=0,
        cursor=LedgerIndex(50),
        fee_cap=Drops(1_000_000),
    )

    assert levels(list(found), check) == [level]


@pytest.mark.parametrize(
    ("seconds", "network", "level"),
    [
        (4, 0, Level.OK),
        (600, 0, Level.WARNING),
        (-600, 0, Level.WARNING),
        (600, 4_711, Level.NOTICE),
    ],
)
def test_the_clock_is_held_against_ledgers_of_public_networks_alone(
    seconds: int, network: int, level: Level
) -> None:
    """Elsewhere ledger time may be years away from the host's (rule 5)."""
    heard_at = unix_time(RippleTime(800_000_000)) + seconds
    (told,) = of_clock([facts(heard_at=heard_at, network_id=network)], synchronised=None)

    assert (told.check, told.level) == ("clock.ledger", level)


def test_a_clock_that_nobody_keeps_is_told_of() -> None:
    """By systemd's word, where it has one."""
    (told,) = of_clock([], synchronised=False)

    assert (told.level, told.mend) == (Level.WARNING, "timedatectl set-ntp true")
    assert [one.level for one in of_clock([], synchronised=True)] == [Level.OK]


def test_a_certificate_that_ends_soon_is_told_of() -> None:
    """Two weeks before."""
    now = 1_800_000_000.0
    (soon,) = of_certificate(facts(certificate_until=now + 86_400), now)
    (late,) = of_certificate(facts(certificate_until=now + 90 * 86_400), now)

    assert (soon.level, late.level) == (Level.WARNING, Level.OK)
    assert list(of_certificate(facts(), now)) == []
