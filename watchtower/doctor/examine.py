"""The examination: every look at once, none of which can hang or fail the whole.

Each look is given so many seconds; one that takes longer, or fails in a way that nobody thought of,
is a finding like any other. Nothing is written anywhere, and nothing is sent but questions.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import time
from collections.abc import Awaitable
from functools import partial
from pathlib import Path
from typing import Final

from watchtower.alert_routes import ways_out
from watchtower.aside import aside
from watchtower.doctor import look_at_keys
from watchtower.doctor.chart import Chart, Patient
from watchtower.doctor.conclude import conclude
from watchtower.doctor.finding import Finding, Level, of_trouble, ok
from watchtower.doctor.look_at_doors import look_at_broker, look_at_http
from watchtower.doctor.look_at_files import look_at_files
from watchtower.doctor.look_at_heads import look_at_heads
from watchtower.doctor.look_at_machine import is_synchronised, look_at_limits, look_at_unit
from watchtower.doctor.look_at_servers import Asked, look_at_server, simulated
from watchtower.doctor.look_at_store import StoreSeen, look_at_store
from watchtower.doctor.of_alerts import of_alerts
from watchtower.doctor.of_doors import of_http, of_mqtt
from watchtower.doctor.of_files import of_files
from watchtower.doctor.of_machine import of_limits, of_unit
from watchtower.doctor.of_store import BackupFacts, of_backup, of_room, of_store
from watchtower.errors import WatchtowerError
from watchtower.keys.authority import Right
from watchtower.settings import Settings
from watchtower.store.backups.folder import heads_in
from watchtower.store.reserve import measure
from watchtower.units import Address
from watchtower.wiring import link_settings, thresholds_of

__all__ = ["examine"]

_THREAD: Final = "look"

_BY_KEYS: Final = frozenset({Right.REGULAR_KEY, Right.MASTER_KEY})


async def examine(patient: Patient) -> list[Finding]:
    """Return all that is found, in the order of the checks."""
    chart = Chart()
    chart.findings.append(ok("config.loads", f"{patient.config} can be used.", str(patient.config)))
    await asyncio.gather(
        _guarded("files.config", patient, chart, _files(patient, chart)),
        _guarded("store.space", patient, chart, _room(patient, chart)),
        _guarded("store.backup", patient, chart, _backup(patient, chart)),
        _guarded("systemd.unit", patient, chart, _systemd(patient, chart)),
        _guarded("servers.reachable", patient, chart, _servers(patient, chart)),
        _guarded("mqtt.connects", patient, chart, _broker(patient, chart)),
        # One behind the other: a token is asked one thing at a time.
        _keys(patient, chart),
    )
    await _guarded("http.certificate", patient, chart, _http(patient, chart))
    simulations = await _simulations(patient, chart)
    chart.findings += conclude(patient, chart, simulations, time.time())
    await _guarded("alerts.routes", patient, chart, _alerts(patient, chart))
    chart.findings += of_limits(look_at_limits())
    return chart.findings


async def _alerts(patient: Patient, chart: Chart) -> None:
    """Make every way out that the daemon would, and use none."""
    loaded = patient.loaded
    ways = ways_out(
        loaded,
        patient.environment,
        standing=lambda: (),
        wall=time.time,
        has_broker=bool(loaded.mqtt.broker),
    )
    chart.findings += of_alerts(routes=len(ways.routes), has_heartbeat=bool(ways.heartbeats))


async def _guarded(check: str, patient: Patient, chart: Chart, look: Awaitable[None]) -> None:
    """Wait for a look; what keeps it from being taken is a finding."""
    try:
        async with asyncio.timeout(patient.within + 1):
            await look
    except TimeoutError:
        why = f"This could not be looked at within {patient.within:.0f} s."
        chart.findings.append(of_trouble(check, why))
    except WatchtowerError as trouble:
        chart.findings.append(of_trouble(check, trouble))
    except Exception as mistake:  # noqa: BLE001 - one look that fails must not end the others
        why = f"This could not be looked at: {type(mistake).__name__}: {mistake}"
        chart.findings.append(of_trouble(check, why))


async def _files(patient: Patient, chart: Chart) -> None:
    seen = await aside(
        lambda: look_at_files(patient.config, patient.loaded, patient.environment), _THREAD
    )
    chart.findings += of_files(seen, os.geteuid())


async def _room(patient: Patient, chart: Chart) -> None:
    folder = Path(patient.loaded.store).parent
    try:
        room = await aside(lambda: measure(folder), _THREAD)
    except OSError as problem:
        why = f"The disk of {folder} does not answer: {problem.strerror or problem}."
        chart.findings.append(of_trouble("store.space", why, str(folder)))
        return
    chart.findings.append(of_room(room, thresholds_of(patient.loaded), str(folder)))


async def _backup(patient: Patient, chart: Chart) -> None:
    settings = patient.loaded.backup
    newest, trouble = None, None
    if settings.recipients and settings.folder:
        try:
            heads = await aside(lambda: heads_in(Path(settings.folder)), _THREAD)
            newest = max((head.created for _, head in heads), default=None)
        except (OSError, WatchtowerError) as problem:
            trouble = f"The folder for backups cannot be read: {problem}"
    facts = BackupFacts(
        folder=settings.folder or "a folder of its own (`backup.folder` names none)",
        has_key=bool(settings.recipients),
        newest=newest,
        trouble=trouble,
    )
    make = "watchtower backup create" + ("" if settings.folder else " FOLDER")
    chart.findings.append(of_backup(facts, time.time(), make))


async def _systemd(patient: Patient, chart: Chart) -> None:
    del patient
    chart.unit = await look_at_unit()
    if chart.unit is not None:
        chart.findings += of_unit(chart.unit)
    chart.synchronised = await is_synchronised()


async def _servers(patient: Patient, chart: Chart) -> None:
    if patient.offline:
        return
    urls = patient.loaded.servers
    chart.servers += await asyncio.gather(*(look_at_server(u, _asked(patient)) for u in urls))


def _asked(patient: Patient) -> Asked:
    loaded = patient.loaded
    own = (loaded.authority.own, Address(loaded.authority.signer))
    return Asked(
        accounts=loaded.addresses,
        delegate=loaded.authority.own,
        own=[account for account in own if account],
        link=link_settings(loaded),
        dial=patient.dial,
        within=patient.within / 2,
    )


async def _broker(patient: Patient, chart: Chart) -> None:
    if patient.loaded.mqtt.broker and not patient.offline:
        chart.findings.append(of_mqtt(await look_at_broker(patient.loaded, patient.environment)))


async def _http(patient: Patient, chart: Chart) -> None:
    if not patient.loaded.http.listen:
        return
    tokens = None if chart.inside is None else chart.inside.tokens
    facts = await aside(lambda: look_at_http(patient.loaded, patient.environment, tokens), _THREAD)
    chart.findings += of_http(facts, time.time())


async def _keys(patient: Patient, chart: Chart) -> None:
    """Look into the store, and then at the keys that are elsewhere."""
    await _guarded("store.opens", patient, chart, _store(patient, chart))
    if patient.loaded.keys.signer:
        await _guarded("authority.signer", patient, chart, _elsewhere(patient, chart))
    elif patient.hsm is not None and patient.loaded.hsm.keys:
        await _guarded("authority.token", patient, chart, _elsewhere(patient, chart))
    if patient.hsm is not None:
        await _guarded("authority.token", patient, chart, patient.hsm.close())


async def _store(patient: Patient, chart: Chart) -> None:
    loaded = patient.loaded
    chart.is_unasked = True
    seen: StoreSeen = await look_at_store(
        loaded,
        make=_making(loaded, patient.config),
        ways=patient.ways,
        asking=patient.asking,
        heads=partial(
            look_at_heads,
            settings=loaded,
            environment=patient.environment,
            is_offline=patient.offline,
            within=patient.within / 4,
        ),
    )
    chart.findings += of_store(seen.facts)
    chart.inside, chart.network = seen.inside, seen.facts.network
    if seen.inside is not None:
        chart.is_unasked = False
        held = [] if loaded.keys.signer else look_at_keys.of_store(seen.inside, loaded)
        chart.stands += [*seen.inside.ahead, *look_at_keys.of_held(held, loaded)]


async def _elsewhere(patient: Patient, chart: Chart) -> None:
    is_unasked, chart.is_unasked = chart.is_unasked, True
    if patient.hsm is not None and patient.loaded.hsm.keys:
        findings, held = await look_at_keys.of_token(patient.hsm, patient.loaded)
    else:
        findings, held = await look_at_keys.of_signer(patient.loaded)
    chart.findings += findings
    chart.stands += look_at_keys.of_held(held, patient.loaded)
    chart.is_unasked = is_unasked or any(f.level is Level.FAILURE for f in findings)


def _making(loaded: Settings, config: Path) -> str:
    """Return the command that makes a store for a configuration that is there already.

    ``watchtower init`` makes both, and overwrites neither, so the configuration steps aside.
    """
    there, kept = (shlex.quote(str(path)) for path in (config, Path(f"{config}.kept")))
    roles = loaded.roles.items()
    words = ["watchtower", "init"]
    words += [w for a, role in roles if role != "payer" for w in ("--account", a)]
    words += [w for a, role in roles if role != "payee" for w in ("--payer", a)]
    words += [word for server in loaded.servers for word in ("--server", server)]
    made = config.absolute().parent / "watchtower.db"
    steps = [f"mv {there} {kept}", shlex.join(words), f"mv {kept} {there}"]
    if made != Path(loaded.store):
        steps.append(shlex.join(["mv", str(made), loaded.store]))
    return " && ".join(steps)


async def _simulations(patient: Patient, chart: Chart) -> dict[tuple[Address, str], str]:
    """Return what a server says to each key, where one simulates."""
    reachable = [seen.facts for seen in chart.servers if seen.facts.trouble is None]
    keys = {(s.account, s.public_key) for s in chart.stands if s.right in _BY_KEYS}
    if not reachable or not keys or not patient.loaded.addresses:
        return {}
    urls = [facts.url for facts in reachable]
    found: dict[tuple[Address, str], str] = {}

    async def ask() -> None:
        found.update(await simulated(urls, _asked(patient), keys, reachable[0].network_id))

    await _guarded("authority.simulated", patient, chart, ask())
    if not found:
        chart.findings.append(
            Finding(
                check="authority.simulated",
                level=Level.NOTICE,
                sentence="No server simulates transactions (xrpld 2.4 and newer do), so what the "
                "ledger takes is told by the accounts' entries alone.",
            )
        )
    return found
