"""Every example of a claim in the documents is a claim, and the real one."""

from __future__ import annotations

import re

import pytest

from tests.docs.test_formats import DOCS
from watchtower.claims.formats.registry import FORMATS, HEADED, Read
from watchtower.claims.given import Given, KeylessClaim
from watchtower.judgement.claim import Claim, Verified, verify

TEXT = (DOCS / "claim-formats.md").read_text(encoding="utf-8")
KEY = "ED010EDDA974B8FDCBFCABC9F631E91F2D355E6F7C1F2F9E675AE61B853A2E2069"
CHANNEL = "467D994665CBC68A483FE56EFEB079314D8EF0AEAD069F25885034D378616A29"


def examples(name: str) -> list[str]:
    """The blocks below the heading of a form that are documents of it."""
    section = TEXT.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
    return re.findall(r"^```(?:json|text|csv)\n(.*?)\n```$", section, re.MULTILINE | re.DOTALL)


def is_the_real_claim(given: Given) -> bool:
    """Whether it is the claim that was redeemed, and its signature verifies."""
    claim = given.under(KEY) if isinstance(given, KeylessClaim) else given
    assert isinstance(claim, Claim)
    return (claim.channel, claim.amount) == (CHANNEL, 30_000) and isinstance(
        verify(claim), Verified
    )


def test_every_form_has_its_section_and_no_other() -> None:
    """The headings are the names."""
    assert set(re.findall(r"^## (\w+)$", TEXT, re.MULTILINE)) == {*FORMATS, *HEADED}


@pytest.mark.parametrize(("name", "read"), FORMATS.items())
def test_every_example_of_a_document_is_the_real_claim(name: str, read: Read) -> None:
    """Somebody will copy it."""
    found = examples(name)
    assert found
    assert [is_the_real_claim(read(example.encode())) for example in found] == [True] * len(found)


def test_the_example_of_rows_is_the_real_claim() -> None:
    """Twice, once without its key."""
    (example,) = examples("csv")
    heading, *rows = example.encode().splitlines()
    read = HEADED["csv"](heading)
    assert [is_the_real_claim(read(row)) for row in rows] == [True, True]
