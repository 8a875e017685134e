"""The gate: who may do what, and what is remembered of them."""

from __future__ import annotations

from collections.abc import Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.access.gate import Admitted, Gate, Turned
from watchtower.access.token import RANDOM_BYTES, Scope, Token, mint

NOW = 100.0


def made(
    number: int, *scopes: Scope, quota: int | None = None, expires: int | None = None
) -> tuple[Token, str]:
    """A token of some number."""
    return mint(
        f"t{number}",
        scopes or [Scope.READ],
        random=number.to_bytes(8) + number.to_bytes(RANDOM_BYTES - 8),
        now=0,
        quota=quota,
        expires=expires,
    )


def test_nobody_comes_in_without_where_tokens_are_required() -> None:
    """And anybody does where they are not, without a quota."""
    assert Gate(is_required=True).admit(None, Scope.READ, NOW) is Turned.NO_TOKEN
    assert Gate(is_required=False).admit(None, Scope.ADMIN, NOW) == Admitted()


@pytest.mark.parametrize("scope", [Scope.COSIGN, Scope.HEADS])
@pytest.mark.parametrize("shown", [None, "Basic eDp5"])
def test_nobody_is_cosigned_for_or_has_heads_kept_without_a_token(
    scope: Scope, shown: str | None
) -> None:
    """Not even at a unix socket: what is kept belongs to a token."""
    assert Gate(is_required=False).admit(shown, scope, NOW) is Turned.NO_TOKEN


@given(shown=st.text(), required=st.booleans())
def test_whatever_a_stranger_shows_turns_them_away(shown: str, required: bool) -> None:  # noqa: FBT001
    """And raises nothing."""
    gate = Gate(is_required=required)
    gate.hold([made(1)[0]])
    assert isinstance(gate.admit(shown, Scope.READ, NOW), Turned)


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_read_in_any_case(scheme: str) -> None:
    """RFC 9110, section 11.1."""
    token, text = made(1)
    gate = Gate(is_required=True)
    gate.hold([token])
    assert gate.admit(f"{scheme} {text}", Scope.READ, NOW) == Admitted(token)


def test_a_secret_is_good_for_its_own_token_alone() -> None:
    """The public part of one and the secret of another open nothing."""
    (one, first), (two, second) = made(1), made(2)
    gate = Gate(is_required=True)
    gate.hold([one, two])
    mixed = first[: -len("_") - 43] + second[-len("_") - 43 :]
    assert gate.admit(f"Bearer {mixed}", Scope.READ, NOW) is Turned.INVALID
    assert gate.admit(f"Bearer {second}", Scope.READ, NOW) == Admitted(two)


def test_only_the_holder_learns_that_a_token_has_expired() -> None:
    """Who guesses at it learns nothing."""
    token, text = made(1, expires=100)
    gate = Gate(is_required=True)
    gate.hold([token])
    assert gate.admit(f"Bearer {text}", Scope.READ, 99.9) == Admitted(token)
    assert gate.admit(f"Bearer {text}", Scope.READ, NOW) is Turned.EXPIRED
    other = text[:-1] + ("A" if text[-1] != "A" else "B")
    assert gate.admit(f"Bearer {other}", Scope.READ, NOW) is Turned.INVALID


def test_a_token_that_is_held_no_more_opens_nothing() -> None:
    """What is held is all that there is."""
    (one, first), (two, second) = made(1), made(2)
    gate = Gate(is_required=True)
    gate.hold([one, two])
    gate.hold([two])
    assert gate.admit(f"Bearer {first}", Scope.READ, NOW) is Turned.INVALID
    assert gate.admit(f"Bearer {second}", Scope.READ, NOW) == Admitted(two)


def test_a_quota_goes_on_when_tokens_are_read_again() -> None:
    """Nobody gets a full bucket by having another token made; a revoked one leaves nothing."""
    token, text = made(1, Scope.SUBMIT, quota=3)
    gate = Gate(is_required=True)
    gate.hold([token])
    taken = gate.admit(f"Bearer {text}", Scope.SUBMIT, NOW)
    assert isinstance(taken, Admitted)
    assert taken.bucket is not None
    assert taken.bucket.take(5, 1.0) == 3
    gate.hold([token, made(2, Scope.SUBMIT, quota=1)[0]])
    again = gate.admit(f"Bearer {text}", Scope.SUBMIT, NOW)
    assert isinstance(again, Admitted)
    assert again.bucket is not None
    assert again.bucket.left(1.0) == 0
    gate.hold([])
    assert remembered(gate) == {"_tokens": 0, "_buckets": 0}


@given(st.lists(st.text(max_size=99), max_size=50))
def test_nothing_is_remembered_of_strangers(shown: list[str]) -> None:
    """Memory grows with the tokens, and not with who knocks."""
    gate = Gate(is_required=True)
    gate.hold([made(1, Scope.SUBMIT, quota=9)[0]])
    for each in shown:
        gate.admit(f"Bearer {each}", Scope.SUBMIT, NOW)
    assert remembered(gate) == {"_tokens": 1, "_buckets": 1}


def remembered(gate: Gate) -> Mapping[str, int]:
    """How much of what it holds."""
    return {name: len(held) for name, held in vars(gate).items() if isinstance(held, dict)}


def test_somebody_could_come_in_while_one_token_is_good() -> None:
    """What a start beyond this machine asks."""
    gate = Gate(is_required=True)
    assert not gate.opens_to_somebody(NOW)
    gate.hold([made(1, expires=100)[0]])
    assert gate.opens_to_somebody(99)
    assert not gate.opens_to_somebody(NOW)
    gate.hold([made(1, expires=100)[0], made(2)[0]])
    assert gate.opens_to_somebody(NOW)
