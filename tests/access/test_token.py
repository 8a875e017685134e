"""Tokens: their form, what is kept of them, and until when they are good."""

from __future__ import annotations

import string

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from watchtower.access.token import (
    RANDOM_BYTES,
    Scope,
    Token,
    digest_of,
    identity_of,
    mint,
    parse_expiry,
    parse_name,
    parse_quota,
)
from watchtower.errors import TokenFormatError
from watchtower.logs import redact

LUCK = st.binary(min_size=RANDOM_BYTES, max_size=RANDOM_BYTES)


@given(LUCK)
def test_what_is_kept_does_not_open_anything(random: bytes) -> None:
    """The secret is in what is shown alone; the public part finds what is kept."""
    kept, text = mint("a", [Scope.READ], random=random, now=5.7)
    assert identity_of(text) == kept.identity
    assert digest_of(text) == kept.digest
    secret = text.rpartition(f"{kept.identity}_")[2]
    stored = msgspec.json.encode(msgspec.to_builtins(kept)).decode()
    assert secret not in stored
    assert random[8:].hex() not in stored
    assert kept.created == 5
    assert msgspec.convert(msgspec.to_builtins(kept), Token) == kept


@given(LUCK)
def test_a_token_is_taken_out_of_whatever_is_logged(random: bytes) -> None:
    """Wherever it stands: alone, behind a word, in a mapping, in an exception."""
    _, text = mint("a", [Scope.READ], random=random, now=0)
    secret = text[-43:]
    for said in (text, f"Bearer {text}", {"header": f"x {text}"}, [text], ValueError(text)):
        assert secret not in str(redact(None, "info", {"event": "x", "why": said}))


@given(LUCK, st.integers(0, 90), st.sampled_from(string.printable))
def test_whatever_is_not_the_token_has_another_digest_or_no_form(
    random: bytes, place: int, letter: str
) -> None:
    """One letter more, less or other is another token, or none."""
    kept, text = mint("a", [Scope.READ], random=random, now=0)
    for other in (
        text[:place] + letter + text[place + 1 :],
        text[:place] + text[place + 1 :],
        text[:place] + letter + text[place:],
    ):
        if other != text:
            assert identity_of(other) != kept.identity or digest_of(other) != kept.digest


@given(st.text())
def test_whatever_comes_has_the_form_or_has_not(text: str) -> None:
    """Nothing that a stranger sends raises anything."""
    assert identity_of(text) is None
    assert len(digest_of(text.encode("latin-1", "replace").decode("latin-1"))) == 32


@pytest.mark.parametrize("scope", Scope)
def test_admin_is_good_for_everything_and_the_others_for_themselves(scope: Scope) -> None:
    """None is what any token is good for; signatures are for who was let in for them by name."""
    kept, _ = mint("a", [scope], random=bytes(RANDOM_BYTES), now=0)
    assert kept.may(None)
    for wanted in Scope:
        is_included = scope is Scope.ADMIN and wanted is not Scope.COSIGN
        assert kept.may(wanted) == (wanted is scope or is_included)


def test_a_token_is_good_until_it_expires() -> None:
    """And not in that very second."""
    kept, _ = mint("a", [Scope.READ], random=bytes(RANDOM_BYTES), now=0, expires=10)
    assert [kept.is_expired(now) for now in (0, 9.9, 10, 11)] == [False, False, True, True]
    for_ever, _ = mint("a", [Scope.READ], random=bytes(RANDOM_BYTES), now=0)
    assert not for_ever.is_expired(1e12)


@pytest.mark.parametrize(
    ("text", "expires"),
    [
        ("90d", 1_000 + 90 * 86_400),
        ("12h", 1_000 + 12 * 3_600),
        ("1m", 1_060),
        ("2027-03-01", 1_803_859_200),
        ("2027-03-01T12:00:00Z", 1_803_902_400),
        ("2027-03-01T13:00:00+01:00", 1_803_902_400),
    ],
)
def test_expiry_is_so_long_from_now_or_a_time_in_utc(text: str, expires: int) -> None:
    """As people write it."""
    assert parse_expiry(text, 1_000.0) == expires


@pytest.mark.parametrize(
    "text", ["", "0d", "90", "d", "-1d", "٣d", "1969-01-01", "2027-13-01", "tomorrow", "999999d"]
)
def test_an_expiry_that_is_none_or_over_is_refused(text: str) -> None:
    """A token that never was good would only be found out when it is needed."""
    with pytest.raises(TokenFormatError):
        parse_expiry(text, 1_000.0)


@pytest.mark.parametrize(
    "text", ["", "0/minute", "10", "10/second", "-1/minute", "٣/minute", "1.5/minute"]
)
def test_a_quota_that_is_none_is_refused(text: str) -> None:
    """Whole claims a minute, and at least one."""
    with pytest.raises(TokenFormatError):
        parse_quota(text)
    assert parse_quota("600/minute") == 600


@pytest.mark.parametrize("text", ["", "-a", "a b", "a\n", "ä", "a" * 65, "a/b", "\x1b[31m"])
def test_a_name_that_would_not_stand_in_a_line_is_refused(text: str) -> None:
    """It is written into logs, lists and command lines."""
    with pytest.raises(TokenFormatError):
        parse_name(text)
    assert parse_name("a" * 64) == "a" * 64


def test_a_quota_of_claims_that_nobody_may_hand_over_is_refused() -> None:
    """Its owner would believe that something is limited."""
    with pytest.raises(TokenFormatError):
        mint("a", [Scope.READ], random=bytes(RANDOM_BYTES), now=0, quota=5)
    assert mint("a", [Scope.ADMIN], random=bytes(RANDOM_BYTES), now=0, quota=5)[0].quota == 5
