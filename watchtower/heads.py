"""The heads of a store, made of the settings: where they are kept, and by whose key they are known.

Decides nothing; who knows whom is drawn here, as in ``assembly.py``.
"""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

from watchtower.brokers import broker_of
from watchtower.errors import StoreError
from watchtower.keys.identity import find_identity, make_identity
from watchtower.settings import Settings
from watchtower.store.database import Store
from watchtower.store.head import sign_head
from watchtower.store.head_file import HeadFile
from watchtower.store.head_keeping import PATIENCE, HeadKeeper, Place, standing_of
from watchtower.store.proof import Proof
from watchtower.tower.head_watch import alarm_of

__all__ = ["head_keeper", "places_of", "prove_line", "tell_of_heads"]


@asynccontextmanager
async def places_of(
    settings: Settings, environment: Mapping[str, str], store: Store, *, purpose: str = "head"
) -> AsyncIterator[list[Place]]:
    """Give every place where heads of ``store`` are kept; connections are made when needed.

    ``purpose`` tells two apart who speak for one tower at the broker at once.

    Raises:
        ConfigError: what shows the broker, or another tower, who we are cannot be read, or is not
            installed.
    """
    async with AsyncExitStack() as stack:
        places = _files_of(settings)
        if settings.head.towers:
            places += _towers_of(settings, store, stack)
        if settings.head.mqtt:
            places += _topic_of(settings, environment, purpose, stack)
        yield places


def _towers_of(settings: Settings, store: Store, stack: AsyncExitStack) -> list[Place]:
    # Only who asks another tower needs what it takes to.
    from watchtower.interfaces.http.head import HeadTower, KeepingTower  # noqa: PLC0415

    async def identity() -> bytes:
        async with store.read() as work:
            return (await work.standing())[1].store

    places: list[Place] = []
    for one in settings.head.towers:
        where = KeepingTower(
            url=one.url,
            token=Path(one.token_file),
            authority=_path(one.ca_file),
            certificate=_path(one.certificate_file),
            key=_path(one.key_file),
        )
        tower = HeadTower(where, identity)
        stack.push_async_callback(tower.close)
        places.append(tower)
    return places


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def _topic_of(
    settings: Settings, environment: Mapping[str, str], purpose: str, stack: AsyncExitStack
) -> list[Place]:
    # Only who has a broker needs what it takes to speak with one.
    from watchtower.front_mqtt import broker_credentials  # noqa: PLC0415

    credentials = broker_credentials(settings.mqtt, environment)
    if credentials is None:
        return []
    from watchtower.interfaces.mqtt.head import HeadTopic  # noqa: PLC0415
    from watchtower.interfaces.mqtt.topics import Topics  # noqa: PLC0415

    mqtt = settings.mqtt
    topics = Topics(prefix=mqtt.topic_prefix, group=mqtt.group, client=mqtt.client)
    topic = HeadTopic(
        broker_of(mqtt.broker),
        topics.head,
        client=f"{mqtt.client}-{purpose}",
        credentials=credentials,
    )
    stack.push_async_callback(topic.close)
    return [topic]


def _files_of(settings: Settings) -> list[Place]:
    return [HeadFile(Path(file)) for file in settings.head.files]


def head_keeper(
    store: Store,
    places: Sequence[Place],
    clock: Callable[[], float] = time.time,
    *,
    patience: float = PATIENCE,
) -> HeadKeeper:
    """Return who keeps the heads of ``store``; each place has ``patience`` seconds to answer."""
    return HeadKeeper(
        store,
        places,
        find_seal=lambda: find_identity(store),
        make_seal=lambda: make_identity(store),
        clock=clock,
        patience=patience,
    )


async def tell_of_heads(store: Store, settings: Settings, tell: Callable[[str], None]) -> None:
    """Have a person told, before a command does anything, if the store may have been put back.

    Only files are looked at: a command waits for no broker, and for no other tower. What keeps the
    store from being compared is told as well, and no reason to refuse a command that may not even
    need it.
    """
    places = _files_of(settings)
    if not places:
        return
    keeper = head_keeper(store, places)
    try:
        await keeper.begin()
        troubles = await keeper.troubles()
    except StoreError as failure:
        tell(f"The store could not be compared with its heads: {failure}")
        return
    for trouble in troubles.values():
        tell(alarm_of(trouble).sentence)


async def prove_line(
    store: Store, number: int, clock: Callable[[], float] = time.time
) -> Proof | None:
    """Return the proof of a line of the journal; None if there is none of that number any more.

    Raises:
        StoreError: the store cannot be read, or does not fit its tree.
    """
    identity = await make_identity(store)
    async with store.read() as work:
        proven = await work.journal_tree.prove(number)
        standing = await standing_of(work, store.network)
    if proven is None:
        return None
    at = int(clock() * 1_000)
    head = sign_head(standing, tower=identity.public_key, at=at, sign=identity.sign)
    return Proof(head=head, number=number, index=proven.index, text=proven.text, path=proven.path)
