"""What stood about signatures ends when another process has brought the last of them."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

from tests.alerts.test_desk import Heard
from tests.store import make
from watchtower.alerts import of_cosigners
from watchtower.alerts.desk import Desk
from watchtower.errors import QuorumMissingError
from watchtower.response.respond import Response
from watchtower.tower.changes import Changes
from watchtower.tower.herald import Herald
from watchtower.units import LedgerIndex


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


def test_missing_signers_are_no_alarm_once_nothing_is_owed() -> None:
    """Another tower's transaction has paid, and nothing of ours was ever sent."""
    heard = Heard()
    herald = Herald(Desk(heard, repeat_after=3600), Changes(None))
    owed = cast("Any", SimpleNamespace(account="rPayee", channel=None))
    missed = QuorumMissingError(account="rPayee", why="one of two signed")
    herald.responded(Response(unsigned=((owed, missed),)))
    herald.owed([owed.account])
    assert [said[:2] for said in heard.said()] == [("raised", "quorum_missing")]
    herald.owed([])
    assert [said[:2] for said in heard.said()] == [("resolved", "quorum_missing")]
