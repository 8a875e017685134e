"""What docs/stream.md shows is what the stream takes and tells."""

from __future__ import annotations

import re

import msgspec
import pytest

from tests.docs.test_formats import DOCS
from watchtower.interfaces.happening import KINDS
from watchtower.interfaces.http.stream_messages import (
    AnswersMessage,
    EventMessage,
    Follow,
    FollowingMessage,
    LaggedMessage,
    ProblemMessage,
    Submit,
    read_request,
)

TEXT = (DOCS / "stream.md").read_text(encoding="utf-8")
REQUESTS = re.findall(r"```json request\n(.*?)\n```", TEXT, re.DOTALL)
MESSAGES = re.findall(r"```json message\n(.*?)\n```", TEXT, re.DOTALL)
SHAPES = (AnswersMessage, FollowingMessage, EventMessage, LaggedMessage, ProblemMessage)


def test_every_request_that_is_shown_is_taken() -> None:
    """By the parser itself."""
    taken = [read_request(request) for request in REQUESTS]
    assert [type(one) for one in taken] == [Submit, Follow, Follow, Follow]


def test_every_message_that_is_shown_has_a_shape_and_every_shape_is_shown() -> None:
    """Field by field."""
    found = []
    for message in MESSAGES:
        names = set(msgspec.json.decode(message, type=dict))
        (shape,) = (one for one in SHAPES if {f.name for f in msgspec.structs.fields(one)} == names)
        msgspec.json.decode(message, type=shape)
        found.append(shape)
    assert set(found) == set(SHAPES)


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_is_documented(kind: str) -> None:
    """Whoever filters has to know what there is."""
    assert re.search(rf"^\| `{kind}` \|", TEXT, re.MULTILINE)


def test_no_kind_is_documented_that_is_never_told() -> None:
    """And the other way round."""
    table = TEXT.partition("| kind |")[2].partition("\n\n")[0]
    assert set(re.findall(r"^\| `(\w+)` \|", table, re.MULTILINE)) == set(KINDS)
