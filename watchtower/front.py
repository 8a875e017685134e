"""The daemon's front: where claims and questions come in while it runs, if it is told to listen."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Coroutine, Iterator, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import structlog

from watchtower.access.gate import Gate
from watchtower.alerts import of_certificates
from watchtower.claims.door import Door
from watchtower.claims.intake import Intake
from watchtower.claims.notary import Notary
from watchtower.claims.verifying import Verifier
from watchtower.cosigners import cosigner_of
from watchtower.errors import NoTokenError, StoreError
from watchtower.following import front_follows
from watchtower.front_mqtt import broker_credentials, post
from watchtower.ground import Ground
from watchtower.http_settings import HttpSettings
from watchtower.interfaces.inquiries import Inquiries
from watchtower.keys.cosigner import Cosigner
from watchtower.keys.identity import make_identity
from watchtower.measuring import exposition_of, words_of
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.kept_heads import KeptHeads
from watchtower.store.reserve import RoomForClaims
from watchtower.tower.lookout import Lookout
from watchtower.tower.tending import Rounds
from watchtower.tower.tower import Tower
from watchtower.wiring import guard_of

if TYPE_CHECKING:
    from watchtower.interfaces.http.certificates import Certificates
    from watchtower.interfaces.mqtt.connection import Credentials
    from watchtower.metrics.exposition import Exposition

__all__ = ["Front", "loops", "open_front"]

_log = structlog.get_logger(__name__)

_CREDENTIALS_VARIABLE: Final = "CREDENTIALS_DIRECTORY"

_MINDED_EVERY: Final = 60.0
"""Seconds between two looks at how long the certificate is good."""

_RETRY: Final = 5.0
"""Seconds until a store that could not be written is tried again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Front:
    """What stands before anybody is let in: where to, with which certificates, by which tokens.

    ``at`` is None where nothing is served, and ``credentials`` where there is no broker.
    """

    at: socket.socket | None
    gate: Gate
    certificates: Certificates | None
    credentials: Callable[[], Credentials] | None


async def open_front(
    stack: AsyncExitStack,
    settings: Settings,
    store: Store,
    environment: Mapping[str, str],
    clock: Callable[[], float],
) -> Front | None:
    """Listen, if we are told where; what is in the way of that is told before anything begins.

    ``environment`` is where systemd says what it guards; ``clock`` gives seconds since 1970.

    Raises:
        ConfigError: what shows the broker who we are cannot be read, or is not installed.
        ListenError: nobody can listen there.
        CertificateError: a certificate or its key cannot be used.
        NoTokenError: it is beyond this machine, and nobody could come in.
    """
    credentials = broker_credentials(settings.mqtt, environment)
    if not settings.http.listen:
        if credentials is None:
            return None
        gate = Gate(is_required=False)
        return Front(at=None, gate=gate, certificates=None, credentials=credentials)
    # Only who serves pays for what it takes to.
    from watchtower.interfaces.http.serve import listening  # noqa: PLC0415

    http, place = settings.http, settings.http.place
    certificates = _certificates(http, environment.get(_CREDENTIALS_VARIABLE))
    gate = Gate(is_required=http.needs_token)
    await _hold_tokens(gate, store)
    if gate.is_required and not gate.opens_to_somebody(clock()):
        if not place.is_private:
            raise NoTokenError(place=place.text)
        _log.warning("no_token_yet", place=place.text)
    at = stack.enter_context(listening(place))
    return Front(at=at, gate=gate, certificates=certificates, credentials=credentials)


def _certificates(http: HttpSettings, credentials: str | None) -> Certificates | None:
    if not http.certificate:
        return None
    # Only who has a certificate pays for what it takes to read one.
    from watchtower.interfaces.http.certificates import (  # noqa: PLC0415
        CertificateFiles,
        Certificates,
    )

    key = Path(http.certificate_key)
    return Certificates(
        CertificateFiles(
            certificate=Path(http.certificate),
            key=key,
            authority=Path(http.client_authority) if http.client_authority else None,
            is_key_guarded=credentials is not None
            and key.resolve().is_relative_to(Path(credentials).resolve()),
        )
    )


async def _hold_tokens(gate: Gate, store: Store) -> None:
    async with store.read() as work:
        gate.hold(await work.tokens.load_all())


def loops(
    ground: Ground, tower: Tower, rounds: Rounds, front: Front
) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
    """Return what runs at the front, by name: the door, and those by whom claims come to it."""
    settings, clock = ground.settings, asyncio.get_running_loop().time
    guard, verifier = guard_of(settings), Verifier()
    lookout = Lookout(
        tower,
        servers=ground.servers,
        rounds=rounds,
        stale_after=settings.claims.stale_seconds,
        clock=clock,
        covered=rounds.coverage.covered,
    )
    notary, room = Notary(ground.machine.clock), RoomForClaims(ground.store, ground.reserve)
    intake = Intake(room, guard, notary, tell=ground.feed.tell)
    door = Door(
        intake,
        guard,
        lookout=lookout,
        verifier=verifier,
        at_stake=tower.watch.incoming.exposure,
        answered=lambda answers, seconds: ground.measures.answered(words_of(answers), seconds),
    )
    inquiries = Inquiries(
        tower.watch,
        settings=settings,
        store=ground.store,
        status=lambda: {**rounds.status(ground.servers.states()), "identity": notary.tower},
        why_not_ready=lambda: _why_no_room(ground) or lookout.why_not_ready(),
        clock=clock,
        covered=lambda channel: rounds.coverage.covered(channel.entry),
    )
    front_follows(ground.reloading, intake=intake, door=door, lookout=lookout, inquiries=inquiries)
    looked = asyncio.Event()
    yield "identity", _identify(ground, notary, looked)
    yield "door", _keep(door, verifier, after=looked)
    cosigner = cosigner_of(
        settings,
        ground.store,
        ground.servers,
        tower=tower,
        lookout=lookout,
        door=door,
        line=ground.line,
        desk=ground.desk,
    )
    if front.at is not None:
        rounds.tell_of_tokens(lambda: _hold_tokens(front.gate, ground.store))
        asked = cosigner if settings.authority.is_asked_over_http(settings.http) else None
        metrics = exposition_of(
            ground,
            tower,
            rounds,
            why_not_ready=inquiries.why_not_ready,
            certificate=_end_of(front.certificates),
        )
        yield from _http(ground, door, inquiries, front, front.at, cosigner=asked, metrics=metrics)
    if front.credentials is not None:
        yield "mqtt", post(ground, door, inquiries, front.credentials, cosigner=cosigner)


def _http(
    ground: Ground,
    door: Door,
    inquiries: Inquiries,
    front: Front,
    at: socket.socket,
    *,
    cosigner: Cosigner | None,
    metrics: Exposition,
) -> Iterator[tuple[str, Coroutine[Any, Any, None]]]:
    # Only who serves pays for what it takes to.
    from watchtower.interfaces.dashboard.frame import Dashboard  # noqa: PLC0415
    from watchtower.interfaces.dashboard.listing import Listing  # noqa: PLC0415
    from watchtower.interfaces.http.app import make_app  # noqa: PLC0415
    from watchtower.interfaces.http.serve import serve  # noqa: PLC0415

    dashboard = Dashboard(
        inquiries,
        ground.feed,
        front.gate,
        clock=ground.machine.clock,
        steady=asyncio.get_running_loop().time,
        listing=Listing(ground.watch),
        history=ground.memory.stake_history,
    )
    app = make_app(
        door,
        inquiries,
        ground.feed,
        front.gate,
        clock=ground.machine.clock,
        cosigner=cosigner,
        # What room is left on the disk is for redeeming, and not for the heads of others.
        heads=KeptHeads(RoomForClaims(ground.store, ground.reserve)),
        metrics=metrics,
        requested=ground.measures.requested,
        dashboard=dashboard,
    )
    certificates, context = front.certificates, None
    if certificates is not None:
        context = certificates.newest
        yield "read certificates", certificates.watch()
        yield "mind certificates", _mind(certificates, ground)
    yield (
        "http",
        serve(
            app,
            at,
            answers_to=ground.settings.http.answers_to,
            context=context,
            stopping=dashboard.stop,
        ),
    )


def _end_of(certificates: Certificates | None) -> Callable[[], float] | None:
    return None if certificates is None else lambda: certificates.expires


def _why_no_room(ground: Ground) -> str:
    why = ground.reserve.why_no_claims()
    return f"No claim is taken: {why}." if why else ""


async def _identify(ground: Ground, notary: Notary, looked: asyncio.Event) -> None:
    """Give the notary the tower's own key; without it claims are kept, and nothing is signed."""
    while True:
        try:
            notary.seal = await make_identity(ground.store)
        except StoreError as failure:
            _log.warning("no_identity", why=str(failure))
            looked.set()
            await asyncio.sleep(_RETRY)
        else:
            looked.set()
            return


async def _mind(certificates: Certificates, ground: Ground) -> None:
    """Tell in time that the certificate expires: behind that no platform talks with us."""
    path = str(certificates.path)
    while True:
        if certificates.is_expiring(ground.machine.clock()):
            until = datetime.fromtimestamp(certificates.expires, UTC).isoformat()
            ground.desk.stand(of_certificates.certificate_expiring(path, until=until))
        else:
            ground.desk.end("certificate_expiring", path)
        await asyncio.sleep(_MINDED_EVERY)


async def _keep(door: Door, verifier: Verifier, *, after: asyncio.Event) -> None:
    """Keep the door, and end behind it whoever verifies."""
    try:
        await after.wait()
        await door.run()
    finally:
        verifier.close()
