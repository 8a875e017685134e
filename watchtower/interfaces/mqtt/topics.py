"""The topics that a tower uses at its broker, and those that it answers to. Pure.

What it guarantees: nobody who hands over claims can have us write anywhere but under the topic for
answers, whatever response topic it names. The tower's account at the broker may do more than that
of whoever names the topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from watchtower.brokers import is_name, is_prefix
from watchtower.units import ChannelId

__all__ = ["Topics", "takes_cosign_answers"]

_LONGEST_ANSWER: Final = 512
"""Bytes of a topic for answers, of the 65,535 that a broker takes."""

_MOST_LEVELS: Final = 32
"""Levels of a topic for answers. Mosquitto takes some 200 (its ``TOPIC_HIERARCHY_LIMIT``)."""

_COSIGNED: Final = "cosigned"


def takes_cosign_answers(topic: str) -> bool:
    """Return whether we answer there to a tower that asks for signatures: ``…/cosigned/{name}``.

    It may have another prefix than we have; nothing else is written where such answers go.
    """
    prefix, _, name = topic.rpartition("/")
    begin, _, kind = prefix.rpartition("/")
    return is_prefix(begin) and kind == _COSIGNED and is_name(name)


@dataclass(frozen=True, slots=True, kw_only=True)
class Topics:
    """Every topic of the tower ``client``, under ``prefix``; ``group`` may be empty."""

    prefix: str
    group: str
    client: str

    @property
    def claims(self) -> str:
        """Where claims come in."""
        return f"{self.prefix}/claims"

    @property
    def subscription(self) -> str:
        """What to subscribe to for claims: in a group towers take turns (MQTT 5.0 section 4.8.2).

        Who is alone does without a group: Mosquitto 2.0 forgets shared subscriptions when it is
        restarted, and drops what comes until they are made again.
        """
        return f"$share/{self.group}/{self.claims}" if self.group else self.claims

    @property
    def cosign(self) -> str:
        """Where other towers ask this one for signatures."""
        return f"{self.prefix}/cosign/{self.client}"

    @property
    def cosigned(self) -> str:
        """Where this one waits for the signatures that it has asked for."""
        return f"{self.prefix}/{_COSIGNED}/{self.client}"

    @property
    def status(self) -> str:
        """Where it stands whether this tower is there."""
        return f"{self.prefix}/status/{self.client}"

    @property
    def head(self) -> str:
        """Where it stands how far this tower's store has come."""
        return f"{self.prefix}/heads/{self.client}"

    @property
    def alerts(self) -> str:
        """Where it stands which alarms of this tower stand."""
        return f"{self.prefix}/alerts/{self.client}"

    def alert(self, name: str) -> str:
        """Return where this tower tells alarms of a name."""
        return f"{self.alerts}/{name}"

    def channel(self, channel: ChannelId) -> str:
        """Return where the state of a channel stands."""
        return f"{self.prefix}/channels/{channel}"

    def event(self, kind: str) -> str:
        """Return where events of a kind are told."""
        return f"{self.prefix}/events/{kind}"

    def takes_answers(self, topic: str) -> bool:
        """Return whether we answer to a topic that somebody named.

        Only under ``answers``, where nothing of ours stands. A broker refuses a wildcard, NUL, or
        too many levels in the topic of a message, and lets the connection go with it: that would be
        ours, and whoever names such topics again and again would keep us away.
        """
        begin = f"{self.prefix}/answers/"
        return (
            topic.startswith(begin)
            and len(topic) > len(begin)
            and len(topic.encode("utf-8", "replace")) <= _LONGEST_ANSWER
            and topic.count("/") < _MOST_LEVELS
            and topic.isprintable()
            and not any(forbidden in topic for forbidden in "+#")
        )
