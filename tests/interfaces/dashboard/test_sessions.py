"""Sessions: how many there are, how long, and what is kept of them."""

from __future__ import annotations

import pytest

from watchtower.access.gate import Admitted, Gate, Turned
from watchtower.access.token import RANDOM_BYTES, Scope, Token, mint
from watchtower.interfaces.dashboard import sessions as sessions_module
from watchtower.interfaces.dashboard.sessions import IDLE, LONGEST, Sessions


def token(number: int = 0, *scopes: Scope) -> tuple[Token, str]:
    """One of several tokens, as it is kept and as it is shown."""
    random = number.to_bytes(8, "big").ljust(RANDOM_BYTES, b"x")
    return mint(f"t{number}", scopes or [Scope.READ], random=random, now=0)


def gate_of(*tokens: Token) -> Gate:
    """A gate for these."""
    gate = Gate(is_required=True)
    gate.hold(tokens)
    return gate


def test_a_session_lasts_while_it_is_used_and_half_a_day_at_most() -> None:
    """Every request gives it another hour, and none gives it more than that."""
    one, _ = token()
    sessions = Sessions(gate_of(one))
    sessions.begin(one, "name", 0.0)
    now = 0.0
    while now + IDLE - 1 < LONGEST:
        now += IDLE - 1
        assert isinstance(sessions.admit("name", Scope.READ, now, 0.0), Admitted)
    assert sessions.admit("name", Scope.READ, LONGEST, 0.0) is Turned.EXPIRED
    assert sessions.admit("name", Scope.READ, LONGEST, 0.0) is Turned.INVALID
    sessions.begin(one, "name", 0.0)
    assert sessions.admit("name", Scope.READ, IDLE, 0.0) is Turned.EXPIRED


def test_sessions_of_one_token_take_no_place_of_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever logs in without end loses only their own; and there is an end to all of them."""
    monkeypatch.setattr(sessions_module, "_MOST", 20)
    tokens = [token(number)[0] for number in range(30)]
    sessions = Sessions(gate_of(*tokens))
    sessions.begin(tokens[0], "quiet", 0.0)
    for number in range(100):
        sessions.begin(tokens[1], f"loud {number}", 1.0)
    assert isinstance(sessions.admit("quiet", Scope.READ, 1.0, 0.0), Admitted)
    assert isinstance(sessions.admit("loud 99", Scope.READ, 1.0, 0.0), Admitted)
    assert sessions.admit("loud 80", Scope.READ, 1.0, 0.0) is Turned.INVALID
    for number, one in enumerate(tokens):
        sessions.begin(one, f"each {number}", 2.0)
    assert len(sessions) == 20


def test_neither_the_token_nor_the_sessions_name_is_kept() -> None:
    """Whoever reads the daemon's memory finds nothing there that could be shown."""
    one, text = token()
    sessions = Sessions(gate_of(one))
    sessions.begin(one, "a name that nobody can guess", 0.0)
    kept = repr((sessions._known, one))
    assert text not in kept
    assert text.rpartition("_")[2] not in kept
    assert "a name that nobody can guess" not in kept


def test_a_token_that_was_made_anew_does_not_revive_the_sessions_of_before() -> None:
    """The same public part with another secret is another token."""
    one, _ = token()
    gate = gate_of(one)
    sessions = Sessions(gate)
    sessions.begin(one, "name", 0.0)
    other = Token(
        identity=one.identity,
        name=one.name,
        digest=bytes(32),
        scopes=one.scopes,
        quota=None,
        expires=None,
        created=0,
    )
    gate.hold([other])
    assert sessions.admit("name", Scope.READ, 1.0, 0.0) is Turned.INVALID


def test_a_session_is_good_for_what_its_token_is() -> None:
    """And for no more, whatever page asks."""
    one, _ = token(0, Scope.METRICS)
    sessions = Sessions(gate_of(one))
    sessions.begin(one, "name", 0.0)
    assert sessions.admit("name", Scope.READ, 1.0, 0.0) is Turned.SCOPE
    assert isinstance(sessions.admit("name", Scope.METRICS, 1.0, 0.0), Admitted)
    sessions.end("name")
    assert sessions.admit("name", Scope.METRICS, 1.0, 0.0) is Turned.INVALID
