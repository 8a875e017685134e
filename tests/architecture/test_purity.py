"""The pure modules stay pure, and so does everything they import of ours."""

from __future__ import annotations

import ast
import re

import pytest

from tests.architecture.sources import (
    PACKAGE,
    House,
    imported_names,
    made_up,
    read_house,
    with_everything_behind,
)

PURE = (
    "units",
    "errors",
    "hosts",
    "places",
    "brokers",
    "access.gate",
    "access.token",
    "alerts.catalogue",
    "alerts.of_authority",
    "alerts.of_backups",
    "alerts.of_bundles",
    "alerts.of_certificates",
    "alerts.of_delegation",
    "alerts.of_cosigners",
    "alerts.of_doors",
    "alerts.of_drills",
    "alerts.of_exposure",
    "alerts.of_heads",
    "alerts.of_keys",
    "alerts.of_network",
    "alerts.outage",
    "alerts.of_payers",
    "alerts.of_recovery",
    "alerts.of_routes",
    "alerts.crowd",
    "alerts.of_settings",
    "alerts.of_signers",
    "alerts.of_slack",
    "alerts.quiet",
    "alerts.of_space",
    "alerts.message",
    "alerts.record",
    "alerts.rules",
    "alerts.signature",
    "alerts.unpaid",
    "alerts.waiting",
    "claims.decide",
    "claims.decision",
    "claims.exposure",
    "claims.formats.dhali",
    "claims.formats.document",
    "claims.formats.interledger",
    "claims.formats.mpp",
    "claims.formats.registry",
    "claims.formats.table",
    "claims.given",
    "claims.group",
    "claims.message",
    "claims.quota",
    "claims.answer",
    "claims.sight",
    "claims.receipt",
    "drill.books",
    "drill.level",
    "drill.record",
    "doctor.finding",
    "doctor.of_alerts",
    "doctor.of_doors",
    "doctor.of_files",
    "doctor.of_heads",
    "doctor.of_machine",
    "doctor.of_means",
    "doctor.of_rights",
    "doctor.of_servers",
    "doctor.of_store",
    "guard.agenda",
    "guard.best_claims",
    "guard.deadlines",
    "guard.exposure",
    "guard.incoming",
    "guard.learned",
    "guard.lost",
    "guard.outgoing",
    "guard.owed",
    "guard.presigned",
    "guard.pressing",
    "guard.stake_history",
    "guard.under_way",
    "guard.watch",
    "interfaces.amounts",
    "interfaces.dashboard.funds",
    "interfaces.dashboard.time_left",
    "interfaces.dashboard.tried",
    "interfaces.dashboard.cookie",
    "interfaces.dashboard.headers",
    "interfaces.dashboard.overview",
    "interfaces.dashboard.sessions",
    "interfaces.dashboard.funds",
    "interfaces.dashboard.time_left",
    "interfaces.dashboard.tried",
    "interfaces.dashboard.chart",
    "interfaces.dashboard.reading",
    "interfaces.dashboard.rows",
    "interfaces.dashboard.selection",
    "interfaces.happening",
    "interfaces.mqtt.topics",
    "interfaces.result_words",
    "interfaces.story",
    "metrics.catalogue",
    "metrics.counting",
    "metrics.metric",
    "metrics.standing",
    "interfaces.status_answer",
    "interfaces.status_line",
    "judgement.authority",
    "judgement.delegation",
    "judgement.channel",
    "judgement.channel_events",
    "judgement.claim",
    "judgement.deadline",
    "judgement.estate",
    "judgement.explain",
    "judgement.explain_outgoing",
    "judgement.judge",
    "judgement.known_amendments",
    "judgement.outgoing",
    "judgement.policy",
    "judgement.protection",
    "judgement.rules",
    "judgement.signature",
    "judgement.stake",
    "judgement.verdict",
    "keys.acceptance",
    "keys.authority",
    "keys.bundle",
    "keys.canary_forms",
    "keys.claim_encoding",
    "keys.ec_point",
    "keys.cosign_letters",
    "keys.cosign_messages",
    "keys.cosign_paper",
    "keys.cosign_refused",
    "keys.cosigning",
    "keys.multisign",
    "keys.permission",
    "keys.rotation",
    "keys.succession",
    "keys.tree",
    "keys.told",
    "keys.signer_messages",
    "ledger.account_entries",
    "ledger.affected",
    "ledger.agreement",
    "ledger.answers",
    "ledger.backoff",
    "ledger.claims_presented",
    "ledger.crosscheck",
    "ledger.decode",
    "ledger.delegation",
    "ledger.events",
    "ledger.fields",
    "ledger.health",
    "ledger.pacing",
    "ledger.quorum",
    "ledger.ranges",
    "ledger.release",
    "ledger.sequence",
    "ledger.reputation",
    "ledger.server_state",
    "ledger.subscription",
    "ledger.wire",
    "response.attempt",
    "response.bidding",
    "response.bundle",
    "response.confirm",
    "response.draft",
    "response.engine_result",
    "response.fees",
    "response.market",
    "response.pace",
    "response.obligation",
    "response.plan",
    "response.presigned",
    "response.schedule",
    "response.seats",
    "response.spending",
    "response.tickets",
    "response.transaction",
    "response.way",
    "signer.forms",
    "signer.spending",
    "store.head",
    "store.head_looks",
    "store.proof",
    "store.backups.chain",
    "store.backups.form",
    "store.space",
    "store.statements",
    "store.tree",
    "tower.beginnings",
    "tower.noted_accounts",
    "tower.noted_tickets",
    "tower.vigil",
    "tower.timekeeping",
)
"""Deterministic: no I/O, no clock, no luck, no log. Time and luck are arguments."""

MAY_BE_IMPORTED = (
    "__future__",
    "base64",
    "bisect",
    "collections",
    "dataclasses",
    "datetime",  # its types; asking it for the time is refused below,
    "decimal",
    "enum",
    "functools",
    "hashlib",
    "bisect",
    "heapq",
    "hmac",
    "itertools",
    "math",
    "re",
    "typing",
    "typing_extensions",
    # what reads and writes text alone,
    "base64",
    "binascii",
    "csv",
    "json",
    # what computes, and does nothing else,
    "coincurve",
    "msgspec",
    "nacl.bindings",
    "nacl.exceptions",
    "xrpl.core",
    "ipaddress",
    "urllib.parse",
)
"""Of the outside world: a list of what is known to be harmless, not of what is known to harm."""

REFUSED_CALLS = frozenset(
    {"open", "print", "input", "exec", "eval", "__import__", "now", "utcnow", "today"}
)


def impurities(house: House, module: str) -> list[str]:
    """Return what in ``module``, or behind it, touches the world, the clock or luck."""
    found = []
    for name in sorted(with_everything_behind(house, module)):
        found += [f"{name or PACKAGE}: {what}" for what in _impurities_of(house[name])]
    return found


def _impurities_of(tree: ast.Module) -> list[str]:
    found = [
        f"imports {name}"
        for name in imported_names(tree)
        if not any(name.startswith(f"{allowed}.") or name == allowed for allowed in _ALLOWED)
    ]
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func
            name = called.attr if isinstance(called, ast.Attribute) else getattr(called, "id", "")
            found += [f"calls {name}"] if name in REFUSED_CALLS else []
        elif isinstance(node, ast.AsyncFunctionDef | ast.Await):
            found.append("waits")
    return found


_ALLOWED = (*MAY_BE_IMPORTED, PACKAGE)


@pytest.mark.parametrize("module", PURE)
def test_a_pure_module_touches_nothing(module: str) -> None:
    """Neither itself nor anything of ours that it imports, however far behind."""
    house = read_house()
    assert module in house, "the list names a module that does not exist"

    assert impurities(house, module) == []


def test_the_whole_of_judgement_is_pure() -> None:
    """A new file in judgement/ is held to it at once."""
    house = read_house()

    assert {name for name in house if name.startswith("judgement.")} <= set(PURE)


def test_whoever_says_to_be_pure_is_held_to_it() -> None:
    """A docstring that begins a sentence with “Pure” is a promise, and stands in the list."""
    promises = {
        name
        for name, tree in read_house().items()
        if re.search(r"(^|[.:—] )[Pp]ure\b", ast.get_docstring(tree) or "", re.MULTILINE)
        and not name.startswith("sandbox.")
        and "." in name
    }

    assert promises <= set(PURE)


@pytest.mark.parametrize(
    ("source", "what"),
    [
        ("import asyncio", "imports asyncio"),
        ("def f():\n    from os import environ", "imports os.environ"),
        ("import structlog", "imports structlog"),
        ("from pathlib import Path", "imports pathlib.Path"),
        ("x = open('f')", "calls open"),
        ("import datetime\nx = datetime.datetime.now()", "calls now"),
        ("async def f(): ...", "waits"),
    ],
)
def test_an_impure_module_would_be_found(source: str, what: str) -> None:
    """The check sees it in the module itself, and two imports behind it."""
    house = made_up(
        judgement__judge=source,
        judgement__policy="from watchtower.judgement.judge import f",
        judgement__stake="def g():\n    import watchtower.judgement.policy",
    )

    assert impurities(house, "judgement.judge") == [f"judgement.judge: {what}"]
    assert impurities(house, "judgement.stake") == [f"judgement.judge: {what}"]


def test_a_package_that_opens_the_world_for_its_modules_would_be_found() -> None:
    """The ``__init__`` of a package runs before its modules, and is looked at too."""
    house = made_up(judgement="import socket", judgement__judge="")

    assert impurities(house, "judgement.judge") == ["judgement: imports socket"]
