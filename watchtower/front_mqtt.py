"""The daemon's way to a broker, if it is told of one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any

from watchtower.brokers import broker_of
from watchtower.claims.door import Door
from watchtower.cosigners import cosign_clerk, topics_of
from watchtower.errors import ConfigError
from watchtower.ground import Ground
from watchtower.interfaces.inquiries import Inquiries
from watchtower.keys.cosigner import Cosigner
from watchtower.mqtt_settings import MqttSettings

if TYPE_CHECKING:
    from watchtower.interfaces.mqtt.connection import Credentials

__all__ = ["broker_credentials", "post"]


def broker_credentials(
    settings: MqttSettings, environment: Mapping[str, str]
) -> Callable[[], Credentials] | None:
    """Return what tells who we are at the broker; None if there is none.

    Raises:
        ConfigError: what it takes cannot be read, or is not installed.
    """
    if not settings.broker:
        return None
    # Only who has a broker needs what it takes to speak with one.
    try:
        from watchtower.broker_credentials import credentials_of  # noqa: PLC0415
    except ModuleNotFoundError as missing:
        why = (
            f"`mqtt.broker` is set, and {missing.name} is not installed; "
            "run `pip install 'xrpl-watchtower[mqtt]'`, or leave `mqtt.broker` empty"
        )
        raise ConfigError(path="[mqtt]", why=why) from None
    credentials_of(settings, environment)
    return lambda: credentials_of(settings, environment)


def post(
    ground: Ground,
    door: Door,
    inquiries: Inquiries,
    credentials: Callable[[], Credentials],
    *,
    cosigner: Cosigner | None,
) -> Coroutine[Any, Any, None]:
    """Return what takes claims from the broker to ``door``, and tells there what happens.

    Other towers ask there for the signatures of ``cosigner``, and we for theirs.
    """
    from watchtower.interfaces.mqtt.clerk import Clerk  # noqa: PLC0415
    from watchtower.interfaces.mqtt.serve import Correspondent, Post  # noqa: PLC0415
    from watchtower.interfaces.mqtt.teller import Teller  # noqa: PLC0415

    mqtt, luck = ground.settings.mqtt, ground.machine.luck
    topics = topics_of(mqtt)
    correspondents: dict[str, Correspondent] = {}
    clerk = cosign_clerk(cosigner, ground.settings, ground.store, ground.watch)
    if clerk is not None:
        correspondents[topics.cosign] = clerk
    if ground.cosign_line is not None:
        correspondents[topics.cosigned] = ground.cosign_line
    made = Post(
        broker_of(mqtt.broker),
        topics,
        credentials=credentials,
        clerk=Clerk(door, topics, luck=luck),
        teller=Teller(ground.feed, inquiries, topics, tells_all=mqtt.tell),
        desk=ground.desk,
        correspondents=correspondents,
        speakers=[] if ground.telling.topic is None else [ground.telling.topic],
        luck=luck,
        clock=asyncio.get_running_loop().time,
        is_there=ground.measures.connected,
    )
    return made.run()
