"""What a misbehaviour may be, and what it may not."""

from __future__ import annotations

import math
from typing import Any, get_args

import pytest

from watchtower.sandbox.api import dispatch
from watchtower.sandbox.misbehaviour import Kind, Misbehaviour, SubmissionLie, changed


def test_only_what_is_named_changes() -> None:
    """The rest stays as it was, whatever that is."""
    first = changed(Misbehaviour(), {"lag": 2, "only": ["response"], "hang": True})
    then = changed(first, {"hang": False, "lies": {"fee": {"drops.base_fee": "7"}}})

    assert (then.lag, then.only, then.hang) == (2.0, frozenset({"response"}), False)
    assert then.lies_about("fee") == {"drops.base_fee": "7"}
    assert then.lies_about("tx") == {}


def test_what_is_told_reads_back_as_the_same() -> None:
    """An answer's members can be sent as they are."""
    lie = {"count": 3, "answer": None, "apply": True}
    wrong = changed(Misbehaviour(), {"hang": 2.5, "network_id": 7, "submissions": lie, "drop": 1})

    assert changed(Misbehaviour(), wrong.told()) == wrong
    assert wrong.submissions == SubmissionLie(count=3, answer=None, apply=True)


@pytest.mark.parametrize(
    ("members", "where"),
    [
        ({"slowness": 1}, "slowness"),
        ({"lag": -1}, "lag"),
        ({"lag": math.nan}, "lag"),
        ({"lag": "1"}, "lag"),
        ({"lag": 86_401}, "lag"),
        ({"drop": 1.01}, "drop"),
        ({"drop": True}, "drop"),
        ({"duplicate": -0.1}, "duplicate"),
        ({"reorder": None}, "reorder"),
        ({"only": ["answers"]}, "only"),
        ({"only": "response"}, "only"),
        ({"hang": -1}, "hang"),
        ({"hang": "yes"}, "hang"),
        ({"refuse_connections": 1}, "refuse_connections"),
        ({"behind": -1}, "behind"),
        ({"behind": 1.5}, "behind"),
        ({"stuck": "yes"}, "stuck"),
        ({"network_id": 2**32}, "network_id"),
        ({"amendment_blocked": None}, "amendment_blocked"),
        ({"lies": {"make_coffee": {"a": 1}}}, "lies"),
        ({"lies": {"fee": 7}}, "lies"),
        ({"lies": {"fee": {"": 7}}}, "lies"),
        ({"submissions": {"count": 1}}, "answer"),
        ({"submissions": {"answer": "tesSUCCESS"}}, "count"),
        ({"submissions": {"count": -1, "answer": None}}, "count"),
        ({"submissions": {"count": 1, "answer": "", "apply": True}}, "answer"),
        ({"submissions": {"count": 1, "answer": None, "swallow": True}}, "swallow"),
    ],
)
def test_what_is_no_misbehaviour_is_one_sentence_about_it(
    members: dict[str, Any], where: str
) -> None:
    """A test that believes in a misbehaviour which never began would prove nothing."""
    with pytest.raises(ValueError, match=where):
        changed(Misbehaviour(), members)


def test_every_command_and_every_kind_of_message_can_be_lied_about() -> None:
    """But the hand's own request, whose answers are to be believed."""
    for subject in {*dispatch.COMMANDS, *get_args(Kind)} - {"misbehave", "response"}:
        assert changed(Misbehaviour(), {"lies": {subject: {"a": 1}}}).lies_about(subject)
    for nonsense in ("misbehave", "response"):
        with pytest.raises(ValueError, match="lies"):
            changed(Misbehaviour(), {"lies": {nonsense: {"a": 1}}})
