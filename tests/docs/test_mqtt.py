"""The words of the MQTT interface are those of the code, and each is documented."""

from __future__ import annotations

import re

from tests.docs.test_formats import DOCS
from watchtower.interfaces.mqtt.clerk import PROBLEMS
from watchtower.interfaces.mqtt.topics import Topics
from watchtower.units import ChannelId

TEXT = (DOCS / "mqtt.md").read_text(encoding="utf-8")


def test_every_problem_is_documented() -> None:
    """And no other."""
    found = TEXT.partition("| `type` |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)`", found, re.MULTILINE)) == set(PROBLEMS)


def test_every_topic_is_documented() -> None:
    """As the code spells them."""
    topics = Topics(prefix="watchtower", group="", client="{client}")
    found = set(re.findall(r"^\| `(watchtower/[^`]+)`", TEXT, re.MULTILINE))
    assert found == {
        topics.claims,
        "watchtower/answers/…",
        topics.channel(ChannelId("{channel}")),
        topics.event("{kind}"),
        topics.cosign,
        topics.cosigned,
        topics.alerts,
        topics.alert("{name}"),
        topics.head,
        topics.status,
    }
    assert topics.takes_answers("watchtower/answers/shop/till-7")
