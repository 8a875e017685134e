"""Those who sign with us, and those for whom we sign: made of the settings, and knowing everybody.

Decides nothing; who knows whom is drawn here, as in ``assembly.py``.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from watchtower.alerts.desk import Desk
from watchtower.claims.door import Door
from watchtower.claims.given import Given
from watchtower.claims.intake import Intake
from watchtower.claims.sight import UNSEEN, Sight
from watchtower.cosigner_settings import CosignerSettings
from watchtower.guard.watch import Watch
from watchtower.interfaces.mqtt.topics import Topics
from watchtower.judgement.claim import Claim
from watchtower.keys.cosign_fitness import Fitness, Refusal
from watchtower.keys.cosign_letters import Seal
from watchtower.keys.cosign_posting import PostedCosigner
from watchtower.keys.cosign_surroundings import Cosigner as Asked
from watchtower.keys.cosigned import CosignedHand
from watchtower.keys.cosigner import Cosigner
from watchtower.keys.cosigning import CosignPolicy
from watchtower.keys.identity import make_identity
from watchtower.keys.persons import People
from watchtower.keys.remote_own import RemoteShare
from watchtower.keys.share import OwnShare
from watchtower.keys.signer_line import SignerLine
from watchtower.keys.vault import Vault
from watchtower.ledger.events import (
    AccountChanged,
    AccountEntry,
    ChannelChanged,
    ChannelEntry,
    SignerList,
)
from watchtower.ledger.servers import Servers
from watchtower.mqtt_settings import MqttSettings
from watchtower.response.submit import Submitter
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.tower.cosign_sight import CosignSight
from watchtower.tower.cosigners import CosignerCare
from watchtower.tower.locksmith import SignerCare
from watchtower.tower.lookout import Lookout
from watchtower.tower.tower import Tower
from watchtower.units import Address, ChannelId, Drops, LedgerIndex, RippleTime

if TYPE_CHECKING:
    from httpx import AsyncBaseTransport

    from watchtower.interfaces.mqtt.cosign_clerk import CosignClerk
    from watchtower.interfaces.mqtt.cosign_line import CosignLine
    from watchtower.keys.asking import TowerCosigner

__all__ = [
    "acquaint",
    "cosign_clerk",
    "cosign_line",
    "cosigned_hand",
    "cosigner_of",
    "topics_of",
]

_Line = tuple[str, ChannelId | None, LedgerIndex | None, Mapping[str, Any]]

_LEEWAY: Final = 24
"""Ledgers by which another tower's last ledgers may be further ahead than our own."""


async def cosigned_hand(
    stack: AsyncExitStack,
    settings: Settings,
    store: Store,
    watch: Watch,
    *,
    desk: Desk,
    servers: Servers,
    line: SignerLine | None,
    letters: CosignLine | None,
    transport: AsyncBaseTransport | None,
) -> CosignedHand | None:
    """Return the hand of signer lists; None where we are in none.

    With ``line`` the key of our own share is with a signer apart. ``letters`` reaches those who
    are asked by a broker, and ``transport`` all others, where that is not by sockets of its own.

    Raises:
        ConfigError: a file that is needed for one of the co-signers cannot be used.
        StoreError: what is remembered of signers cannot be read.
    """
    authority = settings.authority
    if not authority.signer:
        return None
    patience = authority.cosign_seconds
    towers = [
        _asked(one, stack, store, watch, letters=letters, patience=patience, transport=transport)
        for one in authority.cosigners
        if not one.is_person
    ]
    share, care = _share(settings, store, line, desk), CosignerCare(desk)
    fitness = Fitness(
        store=store,
        care=care,
        root_of=lambda signer: _root_of(servers, signer),
        signers_of=lambda account: _signers_of(watch, account),
        validated=lambda: _validated(watch),
    )
    fitness.keys = {Address(one.account): one.public_key for one in authority.cosigners}
    await fitness.load()
    hand = CosignedHand(
        share,
        towers,
        persons=_people(settings, share, store, watch, care),
        payees=settings.payees,
        fee_cap=Drops(settings.fees.cap_drops),
        signers_of=lambda account: _signers_of(watch, account),
        fitness=fitness,
        store=store,
        care=care,
        patience=patience,
    )
    # Behind the hand, which may still be listening, its connections are closed.
    stack.push_async_callback(hand.close)
    return hand


def acquaint(hand: CosignedHand, *, intake: Intake, tower: Tower, submitter: Submitter) -> None:
    """Have the hand know the tower that it signs for, and who hears what servers refuse.

    ``intake`` takes the claims that co-signers had and we had not.
    """
    watch = tower.watch

    async def keep(claims: Sequence[Claim]) -> None:
        def see(claim: Given) -> Sight:
            known = watch.channels.get(claim.channel)
            newest = RippleTime(0) if watch.newest is None else watch.newest.pressing_time
            if known is None or known.closed_at is not None:
                return UNSEEN
            fact = ChannelChanged(entry=known.entry, at=known.as_of)
            return Sight(fact=fact, ledger_time=newest, rules=watch.rules)

        watched = [claim for claim in claims if claim.channel in watch.channels]
        if watched:
            taken = await intake.take_all(watched, see, watched=watch.channels.get)
            tower.take_up(taken.opened, taken.raised)

    def refusals() -> Iterator[Refusal]:
        for transaction in submitter.unfit:
            attempt = watch.attempts.get(transaction)
            if attempt is not None:
                yield attempt, submitter.alarming.get(transaction, "")

    hand.meet(keep=keep, refusals=refusals)


def cosign_line(settings: Settings, *, once: bool) -> CosignLine | None:
    """Return the line to those who are asked by letters; None where nobody is.

    Who answers ``once``, and ends, connects to no broker.
    """
    if once or not any(one.topic for one in settings.authority.cosigners):
        return None
    # Only who has a broker needs what it takes to speak with one.
    from watchtower.interfaces.mqtt.cosign_line import CosignLine  # noqa: PLC0415

    return CosignLine(topics_of(settings.mqtt).cosigned, patience=settings.authority.cosign_seconds)


def cosign_clerk(
    cosigner: Cosigner | None, settings: Settings, store: Store, watch: Watch
) -> CosignClerk | None:
    """Return who answers those who ask by letters; None where nobody may."""
    authority = settings.authority
    if cosigner is None or not authority.askers:
        return None
    from watchtower.interfaces.mqtt.cosign_clerk import CosignClerk  # noqa: PLC0415

    return CosignClerk(
        cosigner,
        us=Address(authority.signer),
        senders=authority.askers,
        seal=_seal_of(store),
        validated=lambda: _validated(watch),
    )


def topics_of(mqtt: MqttSettings) -> Topics:
    """Return the topics that the settings name."""
    return Topics(prefix=mqtt.topic_prefix, group=mqtt.group, client=mqtt.client)


def _seal_of(store: Store) -> Callable[[], Awaitable[Seal]]:
    """Return who signs our letters: the tower's own key, which is made where there is none."""
    known: list[Seal] = []

    async def seal() -> Seal:
        if not known:
            known.append(await make_identity(store))
        return known[0]

    return seal


def cosigner_of(
    settings: Settings,
    store: Store,
    servers: Servers,
    *,
    tower: Tower,
    lookout: Lookout,
    door: Door,
    line: SignerLine | None,
    desk: Desk,
) -> Cosigner | None:
    """Return who signs for other towers; None where nobody is to."""
    authority, fees = settings.authority, settings.fees
    if not authority.cosign:
        return None

    def policy() -> CosignPolicy:
        return CosignPolicy(
            payees=settings.payees,
            fee_cap=Drops(fees.cap_drops),
            daily_cap=Drops(fees.daily_cap_drops),
            most_ledgers=fees.last_ledger_offset + _LEEWAY,
            network_id=servers.network_id or 0,
        )

    async def keep(claims: Sequence[Claim]) -> None:
        await door.take(claims)

    return Cosigner(
        _share(settings, store, line, desk),
        CosignSight(tower, lookout),
        store=store,
        policy=policy,
        keep=keep,
    )


def _share(
    settings: Settings, store: Store, line: SignerLine | None, desk: Desk
) -> OwnShare | RemoteShare:
    """Return our own part in signer lists: by the key that is here, or with a signer apart."""
    account = Address(settings.authority.signer)
    if line is None:
        return OwnShare(account, Vault(store))
    return RemoteShare(account, line, care=SignerCare(line.path, desk))


def _asked(
    one: CosignerSettings,
    stack: AsyncExitStack,
    store: Store,
    watch: Watch,
    *,
    letters: CosignLine | None,
    patience: float,
    transport: AsyncBaseTransport | None,
) -> Asked:
    """Return another tower, reached as the settings say."""
    if one.url:
        return _tower(one, stack, patience=patience, transport=transport)
    return PostedCosigner(
        account=Address(one.account),
        public_key=one.public_key,
        identity=one.identity,
        topic=one.topic,
        line=letters,
        seal=_seal_of(store),
        validated=lambda: _validated(watch),
        patience=patience,
    )


def _tower(
    one: CosignerSettings,
    stack: AsyncExitStack,
    *,
    patience: float,
    transport: AsyncBaseTransport | None,
) -> TowerCosigner:
    # Only who asks others pays for what it takes to.
    from watchtower.keys.asking import CosignerPlace, TowerCosigner  # noqa: PLC0415

    place = CosignerPlace(
        account=Address(one.account),
        public_key=one.public_key,
        url=one.url,
        authority=_path(one.ca_file),
        certificate=_path(one.certificate_file),
        key=_path(one.key_file),
        token=_path(one.token_file),
    )
    tower = TowerCosigner(place, patience=patience, transport=transport)
    stack.push_async_callback(tower.close)
    return tower


def _path(given: str) -> Path | None:
    return Path(given) if given else None


def _people(
    settings: Settings,
    share: OwnShare | RemoteShare,
    store: Store,
    watch: Watch,
    care: CosignerCare,
) -> People | None:
    keys: Mapping[Address, str] = {
        Address(one.account): one.public_key
        for one in settings.authority.cosigners
        if one.is_person
    }
    if not keys:
        return None

    def entry_of(channel: ChannelId) -> ChannelEntry | None:
        known = watch.channels.get(channel)
        return None if known is None else known.entry

    return People(
        keys,
        share,
        store=store,
        entry_of=entry_of,
        validated=lambda: _validated(watch),
        ledgers=settings.authority.person_ledgers,
        tell=care.waits,
    )


def _signers_of(watch: Watch, account: Address) -> SignerList | None:
    estate = watch.estates.get(account)
    return None if estate is None else estate.signers


def _validated(watch: Watch) -> LedgerIndex | None:
    return None if watch.newest is None else watch.newest.ledger_index


async def _root_of(servers: Servers, signer: Address) -> AccountEntry | None:
    """Return a signer's account, as the validated ledgers of two servers have it."""
    facts = await servers.read_account(signer)
    return next((fact.entry for fact in facts if isinstance(fact, AccountChanged)), None)
