"""What servers' result codes mean, in words."""

from __future__ import annotations

import pytest

from watchtower.interfaces.result_words import codes_in, meaning_of
from watchtower.response import engine_result


@pytest.mark.parametrize("code", sorted({*engine_result._BY_CODE, *engine_result._OF_SIGNER}))
def test_every_code_to_which_the_tower_reacts_has_words_of_its_own(code: str) -> None:
    """Its family's would not say what to do."""
    assert meaning_of(code) != meaning_of(f"{code[:3]}SOMETHING_NEW")


def test_code_that_nobody_has_heard_of_is_told_by_its_family() -> None:
    """And one of no family as unknown."""
    assert "cost its fee" in meaning_of("tecSOMETHING_NEW")
    assert "does not know" in meaning_of("xyz")


def test_codes_are_found_once_each_and_words_are_none() -> None:
    """`technical` and `terms` begin like codes."""
    texts = ["validated with tecNO_DST; technical terms, subtecABC", "tecNO_DST, then tefPAST_SEQ."]
    assert codes_in(texts) == ["tecNO_DST", "tefPAST_SEQ"]
