"""What the doctor says of the machine, the daemon, the doors and the alarms, from facts alone."""

from __future__ import annotations

from typing import Any

import pytest

from tests.doctor.conftest import Practice, levels, one_of
from watchtower.doctor import examine as examining
from watchtower.doctor.finding import Level
from watchtower.doctor.look_at_machine import look_at_limits
from watchtower.doctor.of_alerts import of_alerts
from watchtower.doctor.of_doors import HttpFacts, MqttFacts, of_http, of_mqtt
from watchtower.doctor.of_machine import LimitFacts, UnitFacts, of_daemon, of_limits, of_unit
from watchtower.doctor.of_rights import RightsFacts, Stand, Where, of_rights
from watchtower.keys.authority import Right
from watchtower.units import Address, LedgerIndex

NOW = 1_800_000_000.0
ACCOUNT = Address("rLBvuRXMq33b6eJcrXda3HPgci3CTSkpdD")


@pytest.mark.parametrize(
    ("told", "level", "said"),
    [
        (None, Level.WARNING, "has not run yet"),
        ({"written": NOW - 5, "stopped": True}, Level.WARNING, "was stopped 5 s ago"),
        ({"written": NOW - 500}, Level.FAILURE, "did not say that it stops"),
        ({"written": NOW - 5}, Level.OK, "runs; its last word is 5 s old"),
        ({"written": NOW - 5, "shadow": True}, Level.NOTICE, "shadow mode"),
    ],
)
def test_the_daemon_is_told_by_its_last_word(
    told: dict[str, Any] | None, level: Level, said: str
) -> None:
    """One that stopped by itself is another matter than one that fell silent."""
    found = one_of(list(of_daemon(told, NOW, None, "systemctl start watchtower")), "daemon.runs")

    assert found.level is level
    assert said in found.sentence
    assert (found.mend is None) == (level in {Level.OK, Level.NOTICE})


def test_a_daemon_that_is_behind_and_has_alarms_is_not_well() -> None:
    """The cursor against what servers tell now."""
    alarm = {"name": "no_server", "sentence": "No server answers."}
    told = {"written": NOW, "accounted": 100, "alarms": [alarm]}
    behind = list(of_daemon(told, NOW, LedgerIndex(200), ""))
    near = list(of_daemon({**told, "alarms": []}, NOW, LedgerIndex(105), ""))

    assert levels(behind, "daemon.keeps_up") == [Level.FAILURE]
    assert levels(behind, "daemon.alarms") == [Level.WARNING]
    assert levels(near, "daemon.keeps_up") == [Level.OK]
    assert levels(near, "daemon.alarms") == [Level.OK]


@pytest.mark.parametrize(
    ("unit", "check", "level"),
    [
        ({"is_loaded": False}, "systemd.unit", Level.NOTICE),
        ({"needs_reload": True}, "systemd.unit", Level.WARNING),
        ({"is_same": False}, "systemd.unit", Level.WARNING),
        ({}, "systemd.unit", Level.OK),
        ({"is_enabled": False}, "systemd.enabled", Level.WARNING),
        ({"is_active": False}, "systemd.enabled", Level.FAILURE),
        ({}, "systemd.enabled", Level.OK),
        ({"has_watchdog": False}, "systemd.watchdog", Level.WARNING),
        ({}, "systemd.watchdog", Level.OK),
    ],
)
def test_a_unit_is_held_against_what_it_should_be(
    unit: dict[str, Any], check: str, level: Level
) -> None:
    """Installed, this version's, enabled, running and watched."""
    well: dict[str, Any] = {
        "name": "watchtower.service",
        "is_loaded": True,
        "is_enabled": True,
        "is_active": True,
        "has_watchdog": True,
        "is_same": True,
    }

    assert levels(list(of_unit(UnitFacts(**{**well, **unit}))), check) == [level]


def test_limits_of_the_kernel_are_told_of() -> None:
    """Few files, and dumps of memory that holds secrets; and this very process is well."""
    low = list(of_limits(LimitFacts(open_files=256, core_bytes=1_000)))
    well = list(of_limits(LimitFacts(open_files=4_096, core_bytes=0)))

    assert levels(low, "limits.files") == [Level.WARNING]
    assert levels(low, "limits.core_dumps") == [Level.FAILURE]
    assert [one.level for one in well] == [Level.OK, Level.OK]
    assert look_at_limits().open_files > 0


@pytest.mark.parametrize(
    ("routes", "level"), [(0, Level.WARNING), (1, Level.NOTICE), (2, Level.OK)]
)
def test_alarms_that_nobody_hears_are_told_of(routes: int, level: Level) -> None:
    """By how many ways they leave."""
    found = list(of_alerts(routes=routes, has_heartbeat=routes == 2))

    assert levels(found, "alerts.routes") == [level]
    assert levels(found, "alerts.heartbeat") == [Level.OK if routes == 2 else Level.WARNING]


async def test_alerts_are_counted_by_the_settings(practice: Practice) -> None:
    """As the daemon would make them."""
    assert levels(await practice.look(offline=True), "alerts.routes") == [Level.WARNING]
    practice.configure(
        '[alerts]\ncommand = ["true"]\nwebhook = "https://one.example/hook"\n'
        'heartbeat_url = "https://one.example/beat"\n'
    )
    found = await practice.look(offline=True)

    assert levels(found, "alerts.routes") == [Level.OK]
    assert levels(found, "alerts.heartbeat") == [Level.OK]


async def test_a_broker_that_is_away_is_told_of(practice: Practice) -> None:
    """And holds up nothing else."""
    practice.configure('[mqtt]\nbroker = "mqtt://127.0.0.1:1"\n')
    found = await practice.look()

    assert levels(found, "mqtt.connects") == [Level.FAILURE]
    assert levels(found, "authority.right") == [Level.OK]
    well = MqttFacts(broker="mqtt://127.0.0.1:1", topic="watchtower/claims", trouble=None)
    assert of_mqtt(well).level is Level.OK


@pytest.mark.parametrize(
    ("days", "level"), [(-3, Level.FAILURE), (3, Level.WARNING), (90, Level.OK)]
)
def test_a_certificate_that_ends_is_told_of(days: int, level: Level) -> None:
    """Of the HTTP interface, by which platforms know the tower."""
    facts = HttpFacts(
        place="0.0.0.0:8443",
        needs_token=False,
        is_private=False,
        tokens=None,
        certificate="there.pem",
        until=NOW + days * 86_400,
    )

    assert levels(list(of_http(facts, NOW)), "http.certificate") == [level]


async def test_a_certificate_that_is_none_is_told_of(practice: Practice) -> None:
    """With the sentence by which the daemon would refuse to start."""
    for name in ("there.pem", "there.key"):
        (practice.folder / name).write_text("nothing")
        (practice.folder / name).chmod(0o600)
    practice.configure(
        '[http]\nlisten = "127.0.0.1:8443"\ncertificate = "there.pem"\n'
        'certificate_key = "there.key"\n'
    )
    told = one_of(await practice.look(offline=True), "http.certificate")

    assert told.level is Level.FAILURE
    assert "no certificate in PEM" in told.sentence


async def test_a_look_that_fails_or_hangs_leaves_all_others(
    practice: Practice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A mistake of ours in one of them, and a disk that never answers in another."""

    def mistaken(*_words: object) -> None:
        raise ZeroDivisionError("of ours")

    async def never() -> None:
        import asyncio  # noqa: PLC0415

        await asyncio.Event().wait()

    monkeypatch.setattr(examining, "measure", mistaken)
    monkeypatch.setattr(examining, "look_at_unit", never)
    found = await practice.look(within=0.5)

    assert "ZeroDivisionError" in one_of(found, "store.space").sentence
    assert "within" in one_of(found, "systemd.unit").sentence
    assert levels(found, "store.opens") == [Level.OK]
    assert levels(found, "limits.files") != []


@pytest.mark.parametrize(
    ("result", "level"),
    [
        ("tecNO_TARGET", Level.OK),
        ("tefBAD_AUTH", Level.FAILURE),
        ("tefMASTER_DISABLED", Level.FAILURE),
        ("telCAN_NOT_QUEUE_FULL", Level.NOTICE),
    ],
)
def test_what_a_server_simulates_is_read_for_who_signs_alone(result: str, level: Level) -> None:
    """Another answer says nothing of a key."""
    key = "02" * 33
    facts = RightsFacts(
        rights={ACCOUNT: (Right.REGULAR_KEY,)},
        stands=[Stand(account=ACCOUNT, right=Right.REGULAR_KEY, public_key=key, where=Where.STORE)],
        estates={},
        is_live=True,
        simulated={(ACCOUNT, key): result},
    )

    assert levels(list(of_rights(facts)), "authority.simulated") == [level]
