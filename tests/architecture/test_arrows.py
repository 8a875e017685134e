"""Who may know whom. The arrows of docs/architecture.md, held by following the imports."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter

from tests.architecture.sources import House, is_within, made_up, our_imports, read_house

EVERYBODY_MAY = ("units", "errors", "hosts", "places", "brokers", "aside")

ARROWS: dict[str, tuple[str, ...]] = {
    # the words
    "units": (),
    "errors": (),
    "hosts": (),
    "places": (),
    "brokers": (),
    "aside": (),
    "collector": (),
    "core_dumps": (),
    "alert_settings": (),
    "authority_settings": ("cosigner_settings", "http_settings"),
    "head_settings": (),
    "backup_settings": (),
    "hsm_settings": (),
    "http_settings": (),
    "key_settings": (),
    "mqtt_settings": (),
    "vault_settings": (),
    "cosigner_settings": ("http_settings",),
    "drill_settings": (),
    "signer_settings": ("authority_settings", "settings", "vault_settings"),
    "settings": (
        "alert_settings",
        "authority_settings",
        "head_settings",
        "backup_settings",
        "drill_settings",
        "hsm_settings",
        "http_settings",
        "key_settings",
        "mqtt_settings",
        "sections",
        "vault_settings",
    ),
    "sections": ("authority_settings",),
    "hsm_access": ("hsm_settings", "keys.hsm", "keys.hsm_keys", "keys.pin", "keys.signer"),
    "broker_credentials": ("interfaces.mqtt.connection", "keys.secret_file", "mqtt_settings"),
    "first_settings": ("settings",),
    "logs": (),
    # what happened: knows servers, and nothing of what it means
    "ledger": (),
    # what it means: pure; of the ledger it knows the facts alone
    "judgement": ("ledger.events",),
    # what was promised
    "claims": ("judgement", "ledger.events"),
    "claims.receipt": ("store.tree",),
    # who may come in, and how much at a time
    "access": ("claims.quota",),
    # what we do
    "response": ("judgement", "ledger.events"),
    # what we remember: the values that it keeps, and none who make them
    "store": (
        "access.token",
        "judgement.channel",
        "judgement.claim",
        "keys.rotation",
        "ledger.events",
        "response.attempt",
        "response.bundle",
    ),
    # what we may sign: seeds live in the store, and what a token signs is judged like a claim's
    "keys": ("response.way", "store.database", "store.secrets"),
    "keys.hsm": ("judgement.signature",),
    "keys.signed": ("judgement.signature",),
    "keys.key_file": ("store.files", "store.header"),
    "keys.store_key": ("store.header",),
    "keys.ways": ("store.header",),
    # the payer of drills, which is guarded by nobody
    "keys.canary": ("judgement.claim",),
    "keys.retiring": ("judgement.stake", "store.work"),
    "keys.rotating": ("store.work",),
    "keys.succession": ("ledger.events",),
    # what several sign together: each judges the claim for itself
    "keys.multisign": ("judgement.signature", "ledger.events"),
    "keys.cosigning": ("judgement.claim", "ledger.events"),
    "keys.cosigner": ("judgement.claim",),
    "keys.cosigned": ("judgement.claim", "ledger.events"),
    "keys.cosign_company": ("judgement.claim", "ledger.events"),
    "keys.cosign_fitness": ("ledger.events", "response.attempt"),
    "keys.cosign_letters": ("judgement.signature",),
    "keys.cosign_paper": ("ledger.events",),
    "keys.cosign_refused": ("ledger.events",),
    "keys.cosign_surroundings": ("ledger.events",),
    "keys.told": ("judgement.claim",),
    "keys.personal": ("ledger.events",),
    "keys.persons": (
        "judgement.channel",
        "ledger.events",
        "response.attempt",
        "store.cosignatures",
    ),
    # what was signed ahead: verified as the ledger would
    "keys.acceptance": ("judgement", "response.bundle"),
    "keys.bundle": (
        "judgement.claim",
        "judgement.signature",
        "response.bundle",
        "response.fees",
        "response.transaction",
    ),
    "keys.presigning": ("judgement.claim", "response.bundle", "response.transaction"),
    # a process apart that holds the keys: knows nothing of ledgers, towers and networks
    "signer": (
        "interfaces.systemd",
        "judgement.claim",
        "keys.authority",
        "keys.hands",
        "keys.permission",
        "keys.share",
        "keys.signed",
        "keys.signer",
        "keys.signer_messages",
        "keys.vault",
        "signer_settings",
        "store",
    ),
    # whom we tell: decides nothing
    "alerts": (),
    "alerts.deliver": ("ledger.backoff",),
    "alerts.desk": ("ledger.health",),
    # how others ask: decides nothing
    "interfaces": (),
    "interfaces.channel_view": ("judgement", "settings", "wiring"),
    "interfaces.dashboard.channel": ("judgement",),
    "interfaces.dashboard.funds": ("ledger.events",),
    "interfaces.dashboard.time_left": ("judgement",),
    "interfaces.dashboard.tried": ("response.attempt",),
    "interfaces.inquiries": ("guard.watch", "judgement", "settings", "store.database"),
    "interfaces.past": ("response.attempt", "store.journal", "store.work"),
    "interfaces.dashboard.chart": ("guard.stake_history",),
    "interfaces.dashboard.frame": ("access", "guard.stake_history"),
    "interfaces.dashboard.listing": ("guard.watch",),
    "interfaces.dashboard.rows": ("guard.watch", "judgement.stake", "judgement.verdict"),
    "interfaces.metered": ("claims",),
    "interfaces.answering": ("claims.given", "claims.message", "claims.answer"),
    "interfaces.mqtt": ("claims.given", "claims.answer", "ledger.backoff"),
    "interfaces.mqtt.alerts": ("alerts.message", "alerts.rules"),
    "interfaces.mqtt.cosign_clerk": ("keys.cosign_letters", "keys.cosign_messages"),
    "interfaces.mqtt.cosign_line": ("keys.cosign_letters", "keys.cosign_posting"),
    "interfaces.mqtt.head": ("store.head", "store.head_keeping"),
    "interfaces.mqtt.serve": ("alerts.of_doors", "alerts.rules", "ledger.backoff"),
    "interfaces.http": ("access", "claims", "judgement.claim", "keys.cosign_messages"),
    "interfaces.dashboard": ("access",),
    "interfaces.store_report": ("store.backups.index", "store.database", "store.notes"),
    "interfaces.http.keeping_heads": ("access", "store.head", "store.kept_heads"),
    "interfaces.http.head": (
        "keys.secret_file",
        "keys.tls",
        "store.head",
        "store.head_keeping",
    ),
    # what is measured: how things stand, and what people are told
    "metrics": ("guard.watch",),
    "metrics.telling": ("alerts.rules",),
    # what a platform imports: none of the daemon, for it runs elsewhere
    "client": ("judgement.claim", "ledger.backoff"),
    # a ledger in a box: shares nothing with the tower that it is used to test
    "sandbox": (),
    # the main job as a story: the real daemon as a process, against the box
    "demo": ("sandbox.people", "sandbox.server", "judgement.policy"),
    # the tower tried out: a canary of its own, beside the daemon, on a network or against the box
    "drill": ("store.database",),
    "drill.course": (
        "judgement.claim",
        "keys.canary",
        "keys.canary_forms",
        "ledger.events",
        "response.transaction",
    ),
    "drill.network": ("ledger", "response.market"),
    "drill.box": ("demo.process", "drill_settings", "sandbox"),
    # what we guard: all of it in memory, all of it pure
    "guard": (
        "judgement",
        "ledger.events",
        "response.attempt",
        "response.bundle",
        "response.confirm",
        "response.obligation",
        "response.pace",
        "response.spending",
    ),
    # the tower itself: its loops, and who looks after what they learn, tell and remember
    "tower": ("guard", "judgement", "ledger.events", "alerts.catalogue", "alerts.desk"),
    "tower.changes": ("response.attempt", "response.spending", "store.work"),
    "tower.memory": (
        "response.bundle",
        "response.spending",
        "store.database",
        "store.notes",
        "store.work",
    ),
    "tower.chronicle": ("store.database",),
    "tower.herald": (
        "alerts.of_keys",
        "alerts.of_cosigners",
        "alerts.of_payers",
        "alerts.rules",
        "alerts.of_signers",
        "alerts.of_slack",
        "alerts.unpaid",
        "ledger.health",
        "response.attempt",
        "response.bidding",
        "response.plan",
        "response.respond",
    ),
    "tower.recovery": ("alerts.of_recovery", "store.database", "store.notes"),
    "tower.steward": ("store.database", "store.work"),
    "tower.beginnings": ("alerts.rules",),
    "tower.bulletin": ("alerts.rules", "ledger.server_state"),
    "tower.foresight": (
        "response.market",
        "response.respond",
        "response.schedule",
        "response.tickets",
    ),
    "tower.delegation": ("alerts.of_delegation",),
    "tower.drill_watch": ("alerts.of_drills", "store.database"),
    "tower.cosigners": ("alerts.of_cosigners",),
    "tower.cosign_sight": ("keys.cosigning",),
    "tower.locksmith": ("alerts.of_signers",),
    "tower.restraint": ("alerts.of_exposure", "claims.exposure"),
    "tower.entitlement": ("alerts.of_authority",),
    "tower.head_watch": (
        "alerts.of_heads",
        "alerts.rules",
        "store.head",
        "store.head_keeping",
        "store.head_looks",
    ),
    "tower.key_watch": ("alerts.of_keys",),
    "tower.means": ("response.tickets",),
    "tower.lookout": ("claims.intake", "claims.sight"),
    "tower.pending": ("claims.intake", "claims.sight", "store.database"),
    "tower.tower": (
        "ledger.health",
        "ledger.sequence",
        "response.attempt",
        "response.bundle",
        "response.respond",
        "response.restock",
        "store.database",
    ),
    "tower.coverage": ("alerts.of_bundles",),
    "tower.retention": ("store.database", "store.retention"),
    "tower.losses": ("store.database",),
    "tower.route_watch": ("alerts.of_routes", "store.database"),
    "tower.amendment_watch": ("alerts.of_network",),
    "tower.release_watch": ("alerts.of_network", "ledger.release", "ledger.server_state"),
    "tower.clock_watch": ("alerts.of_network", "store.database"),
    "tower.backup_watch": ("alerts.of_backups", "store.backups.index", "store.database"),
    "tower.space_watch": ("alerts.of_space", "store.space"),
    "tower.tending": (
        "alerts.of_network",
        "ledger.server_state",
        "store.bundles",
        "store.cosignatures",
        "store.database",
        "store.journal",
        "store.tokens",
    ),
    # what the daemon has of the machine that it runs on
    "machine": (
        "ledger.socket",
        "ledger.websocket",
        "store.database",
        "store.reserve",
        "tower.tending",
    ),
    # settings that are read again, and whom they are told
    "reloading": ("settings",),
    "rereading": ("alerts.desk", "alerts.of_settings", "reloading", "settings"),
    # the settings, in the words of the rooms that they are for
    "wiring": (
        "settings",
        "alert_settings",
        "alerts.quiet",
        "claims.exposure",
        "claims.sight",
        "judgement.policy",
        "keys.authority",
        "ledger.link",
        "response.fees",
        "response.respond",
        "response.tickets",
        "store.space",
    ),
}
"""For each room (or file), the rooms it may import beside itself and `EVERYBODY_MAY`.

The longest name that fits a module counts.
"""

MAY_KNOW_EVERYBODY = (
    "alert_routes",
    "ground",
    "looks",
    "assembly",
    "following",
    "cosigners",
    "heads",
    "signing",
    "telling",
    "front",
    "front_mqtt",
    "measuring",
    "under_systemd",
    "endings",
    "daemon",
    "doctor",
    "cli",
    "__main__",
)


def rule_for(module: str) -> str | None:
    """Return the line of the table that a module stands under."""
    fitting = [room for room in (*ARROWS, *MAY_KNOW_EVERYBODY) if is_within(module, room)]
    return max(fitting, key=len, default=None)


def forbidden_arrows(house: House) -> list[str]:
    """Return every import that the table does not draw."""
    found = []
    for module in house:
        room = rule_for(module)
        if room is None:
            found += [f"{module or 'the package'} is not in the table"] if module else []
            continue
        for target in sorted(our_imports(house, module)):
            if not _may(room, target):
                found.append(f"{module} → {target}")
    return found


def _may(room: str, target: str) -> bool:
    if room in {"cli", "__main__"}:
        return True
    if is_within(target, "cli") or is_within(target, "daemon"):
        return is_within(target, room)
    if room in MAY_KNOW_EVERYBODY or target == "":
        return True
    own = room.partition(".")[0]
    allowed = (own, *EVERYBODY_MAY, *ARROWS[own], *ARROWS[room])
    return any(is_within(target, room) for room in allowed)


def cycle(house: House) -> list[str] | None:
    """Return modules that import each other in a ring, if there are any."""
    try:
        TopologicalSorter({name: our_imports(house, name) for name in house}).prepare()
    except CycleError as ring:
        return list(ring.args[1])
    return None


def test_rooms_know_only_whom_they_may_know() -> None:
    """No import, at the top or inside a function, draws an arrow that the table does not have."""
    assert forbidden_arrows(read_house()) == []


def test_seeds_and_signing_stay_in_their_rooms() -> None:
    """Who reads stored keys, and who signs, can be counted on one hand."""
    house = read_house()
    importers = {
        secret: sorted(name for name in house if secret in our_imports(house, name))
        for secret in ("store.secrets", "keys.signer")
    }

    assert importers == {
        "store.secrets": [
            "keys.appointment",
            "keys.canary",
            "keys.identity",
            "keys.next_key",
            "keys.presigning",
            "keys.retiring",
            "keys.rotating",
            "keys.stored_key",
            "keys.vault",
            "store.naming",
            "store.restore",
            "store.work",
        ],
        "keys.signer": [
            "cli.rotating",
            "hsm_access",
            "keys.appointment",
            "keys.canary",
            "keys.cosigned",
            "keys.delegated",
            "keys.grant",
            "keys.hands",
            "keys.hsm_keys",
            "keys.presigning",
            "keys.rotating",
            "keys.share",
            "signer.clerk",
            "signing",
        ],
    }


def test_the_table_draws_only_what_exists() -> None:
    """A line for a room that is gone would allow what nobody decided."""
    house = read_house()
    targets = {target for allowed in ARROWS.values() for target in allowed}
    drawn = {*ARROWS, *targets, *MAY_KNOW_EVERYBODY}

    assert sorted(room for room in drawn if room not in house) == []


def test_no_modules_import_each_other_in_a_ring() -> None:
    """Deferred imports count: a ring hidden in a function is still a ring."""
    assert cycle(read_house()) is None


def test_a_judgement_that_asks_the_store_would_be_found() -> None:
    """The check sees an arrow that runs backwards, even one hidden in a function."""
    house = made_up(
        judgement__judge="def judge():\n    from watchtower.store.database import Store\n",
        store__database="",
    )

    assert forbidden_arrows(house) == ["judgement.judge → store.database"]


def test_an_import_of_the_command_line_would_be_found() -> None:
    """Nobody but the command line itself may know it, not even who knows everybody."""
    house = made_up(daemon="import watchtower.cli.output", cli__output="")

    assert forbidden_arrows(house) == ["daemon → cli.output"]


def test_a_room_that_nobody_drew_would_be_found() -> None:
    """A new room is a decision, and stands in the table first."""
    assert forbidden_arrows(made_up(fraud="")) == ["fraud is not in the table"]


def test_a_ring_would_be_found() -> None:
    """Two modules that import each other are seen, though one import is deferred."""
    house = made_up(
        ledger__a="from watchtower.ledger.b import x",
        ledger__b="def f():\n    from watchtower.ledger import a\n",
    )

    assert cycle(house) is not None
