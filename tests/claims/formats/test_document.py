"""What all forms share: strict JSON, exact amounts, an end to everything."""

from __future__ import annotations

import json

import pytest

from watchtower.claims.formats.document import (
    MOST_BYTES,
    exact_drops,
    read_base64,
    read_object,
    text_of,
)
from watchtower.errors import AmountError, ClaimFormatError


@pytest.mark.parametrize("document", ["abc", " abc\r\n", '"abc"', ' "abc" ', '" abc"'])
def test_text_may_travel_as_a_string_of_json(document: str) -> None:
    """A request has JSON, a file has lines."""
    assert text_of(document.encode()) == "abc"


@pytest.mark.parametrize("document", [b"", b" \n", b'""', b'"', b"\xff", b"x" * (MOST_BYTES + 1)])
def test_what_is_no_text_is_refused(document: bytes) -> None:
    """Nothing, bytes, and more than any claim."""
    with pytest.raises(ClaimFormatError):
        text_of(document)


@pytest.mark.parametrize(
    "text",
    [
        '{"a": 1, "a": 2}',
        '{"x": {"a": 1, "a": 1}}',
        '{"a": NaN}',
        '{"a": -Infinity}',
        '{"a": "\\ud800"}',
        '{"\\ud800": 1}',
        '{"a": 1' + "0" * 5_000 + "}",
        "{" * 20_000,
        '{"a":' * 20_000,
        "[]",
        "1",
        "{",
        "{'a': 1}",
    ],
)
def test_two_readers_would_read_every_object_alike(text: str) -> None:
    """No field twice, no half characters, no numbers that are none, no bottomless nesting."""
    with pytest.raises(ClaimFormatError) as refused:
        read_object(text)
    assert str(refused.value).encode()


def test_a_number_is_never_rounded() -> None:
    """A double would make 17 digits of these."""
    told = read_object('{"a": 0.1234567890123456789, "b": 12345678901234567890123}')
    assert str(told["a"]) == "0.1234567890123456789"
    assert told["b"] == 12345678901234567890123


@pytest.mark.parametrize("told", ["YWI_", "YWI/", "YWI_YQ", "YWI_YQ=="])
def test_both_alphabets_of_base64_are_read_padded_or_not(told: str) -> None:
    """RFC 4648 has two, and implementations leave the padding off."""
    assert read_base64(told).startswith("ab?")


@pytest.mark.parametrize("told", ["", "a", "====", "a b", "YW\nI=", "YWI=YWI=", "/////w", "ü"])
def test_what_spells_no_text_is_refused(told: str) -> None:
    """Wrong characters, wrong lengths, bytes that are not UTF-8."""
    with pytest.raises(ClaimFormatError):
        read_base64(told)


@pytest.mark.parametrize("amount", ["", " 1", "+1", "1.0", "1e3", "0x1", "٣", "1XRP", "9" * 19])
def test_only_digits_are_drops(amount: str) -> None:
    """In forms of others nobody means XRP."""
    with pytest.raises(AmountError):
        exact_drops(amount)


def test_a_refusal_tells_no_position_and_no_content() -> None:
    """What was sent may have been a secret by mistake."""
    with pytest.raises(ClaimFormatError) as refused:
        read_object(json.dumps({"secret": "sEdV"})[:-1])
    assert "sEdV" not in str(refused.value)
