"""What stood about signatures ends when another process has brought the last of them."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest

from tests.alerts.test_desk import Heard
from tests.store import make
from watchtower.alerts import of_cosigners
from watchtower.alerts.desk import Desk
from watchtower.errors import (
    HsmFailedError,
    KeyMissingError,
    QuorumMissingError,
    SigningError,
)
from watchtower.response.respond import Response
from watchtower.tower.changes import Changes
from watchtower.tower.herald import Herald
from watchtower.units import Address, LedgerIndex

PAYEE = Address("rPayee")


def test_no_alarm_stands_about_signatures_that_are_there() -> None:
    """Nobody here has signed anything, so nobody here would end it otherwise."""
    attempt, heard = make.attempt(1), Heard()
    assert attempt.channel is not None
    desk = Desk(heard, repeat_after=3600)
    desk.stand(of_cosigners.quorum_missing(attempt.account, why="one of two signed"))
    desk.stand(of_cosigners.person_needed(attempt.channel, last_ledger=LedgerIndex(900)))
    Herald(desk, Changes(None)).completed(attempt)
    assert [said[:2] for said in heard.said()] == [
        ("raised", "quorum_missing"),
        ("raised", "person_needed"),
        ("resolved", "quorum_missing"),
        ("resolved", "person_needed"),
    ]


MISSED = {
    "quorum_missing": QuorumMissingError(account="rPayee", why="one of two signed"),
    "key_missing": KeyMissingError(account="rPayee"),
    "hsm_does_not_sign": HsmFailedError(token="tower", what="sign", why="it was pulled out"),
}


class Owed:
    """Something is owed to one account, for which nobody here signs."""

    def __init__(self, why: SigningError, *, proven: Sequence[Address] = ()) -> None:
        self.heard = Heard()
        self.herald = Herald(Desk(self.heard, repeat_after=3600), Changes(None), proven=proven)
        owed = cast("Any", SimpleNamespace(account=PAYEE, channel=None))
        self.herald.responded(Response(unsigned=((owed, why),)))

    def said(self) -> list[tuple[str, str]]:
        """What was told since this was asked last."""
        return [(kind, name) for kind, name, *_ in self.heard.said()]


@pytest.mark.parametrize("name", sorted(MISSED))
def test_missing_keys_and_signers_are_no_alarm_once_nothing_is_owed(name: str) -> None:
    """Another tower's transaction has paid, and nothing of ours was ever sent."""
    scene = Owed(MISSED[name])
    scene.herald.owed([PAYEE])
    assert scene.said() == [("raised", name)]
    scene.herald.owed([])
    assert scene.said() == [("resolved", name)]
    scene.herald.owed([])
    assert scene.said() == []


def test_a_token_that_is_tried_out_is_an_alarm_until_it_signs() -> None:
    """It would be told again by who tries it: what is owed is paid, and the token is still gone."""
    scene = Owed(MISSED["hsm_does_not_sign"], proven=[PAYEE])
    scene.herald.owed([])
    assert scene.said() == [("raised", "hsm_does_not_sign")]
