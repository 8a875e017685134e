"""Topics: where we write is ours to say, whatever a sender names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.interfaces.mqtt.topics import Topics, takes_cosign_answers
from watchtower.units import ChannelId

TOPICS = Topics(prefix="shop/tower", group="", client="first")
OURS = [TOPICS.claims, TOPICS.status, TOPICS.channel(ChannelId("AB" * 32)), TOPICS.event("paid")]


@given(
    st.text() | st.text(alphabet="/+#$\x00\ufeff\ud800ab").map(lambda t: "shop/tower/answers/" + t)
)
def test_only_a_plain_topic_below_answers_is_answered_to(topic: str) -> None:
    """No wildcard, no control character, none of our own, none too long or deep, and UTF-8."""
    if TOPICS.takes_answers(topic):
        assert topic.startswith("shop/tower/answers/")
        assert topic not in OURS
        assert not set("+#\x00") & set(topic)
        assert len(topic.encode("utf-8")) <= 512
        assert len(topic.split("/")) <= 32


@given(st.from_regex(r"[a-z0-9_-]{1,60}(/[a-z0-9_-]{0,9}){0,28}", fullmatch=True))
def test_every_plain_topic_below_answers_is_answered_to(rest: str) -> None:
    """Whoever keeps to that chooses freely."""
    assert TOPICS.takes_answers(f"shop/tower/answers/{rest}")


@pytest.mark.parametrize("fill", ["", "a"])
def test_topic_for_answers_has_32_levels_at_most(fill: str) -> None:
    """Mosquitto 2.0.11 ends the connection of whoever writes to one with far more."""
    rest = [fill] * 29
    assert TOPICS.takes_answers("/".join(["shop/tower/answers", *rest]))
    assert not TOPICS.takes_answers("/".join(["shop/tower/answers", *rest, fill]))


def test_in_a_group_towers_take_turns_and_alone_there_is_no_group() -> None:
    """MQTT 5.0 section 4.8.2."""
    assert TOPICS.subscription == "shop/tower/claims"
    group = Topics(prefix="shop/tower", group="both", client="first")
    assert group.subscription == "$share/both/shop/tower/claims"


@given(st.text() | st.text(alphabet="/+#$\x00\ufeff\ud800ab").map(lambda t: "a/cosigned/" + t))
def test_towers_are_answered_where_such_answers_go_and_nowhere_else(topic: str) -> None:
    """Whoever may ask for signatures cannot have us write a state, a claim, or to a wildcard."""
    assert takes_cosign_answers(TOPICS.cosigned)
    assert not any(map(takes_cosign_answers, [*OURS, TOPICS.cosign, "cosigned/a", "/cosigned/a"]))
    if takes_cosign_answers(topic):
        begin, kind, name = topic.rsplit("/", 2)
        assert begin
        assert kind == "cosigned"
        assert name
        assert not set("+#\x00$") & set(topic)
