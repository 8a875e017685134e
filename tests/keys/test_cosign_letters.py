"""Letters between towers: who wrote them, to whom, and that nobody has changed them."""

from __future__ import annotations

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from tests.keys.test_multisign import claim
from watchtower.keys.cosign_letters import (
    MOST_LETTER_BYTES,
    Ask,
    Tell,
    open_ask,
    open_tell,
    sealed_ask,
    sealed_tell,
)
from watchtower.keys.cosign_messages import MOST_AT_ONCE, CosignAnswer, CosignAnswers
from watchtower.keys.identity import Identity
from watchtower.keys.told import MOST_BYTES

NAME = "ab" * 16


def _identity(seed: int) -> Identity:
    key = SigningKey(bytes([seed]) * 32)
    return Identity(f"ED{key.verify_key.encode().hex().upper()}", key)


OURS, OTHER = _identity(1), _identity(2)
ASK = Ask(
    name=NAME,
    receiver="rTower",
    answer_to="watchtower/cosigned/one",
    validated=7,
    transactions=[claim()],
)
ANSWERS = CosignAnswers(account="r", public_key="02", answers=[CosignAnswer(refused="no")])


def test_what_was_sealed_is_opened_as_it_was() -> None:
    """By whom it was written, and the answer under the name of its letter."""
    assert open_ask(sealed_ask(ASK, OURS), {OURS.public_key, OTHER.public_key}) == (
        OURS.public_key,
        ASK,
    )
    told = open_tell(sealed_tell(NAME, ANSWERS, OURS), OURS.public_key, NAME)
    assert isinstance(told, Tell)
    assert msgspec.json.decode(bytes(told.answers), type=CosignAnswers) == ANSWERS


def test_a_letter_that_asks_is_no_answer_and_an_answer_asks_for_nothing() -> None:
    """Each has words of its own in front of what is signed."""
    asks, tells = sealed_ask(ASK, OURS), sealed_tell(NAME, ANSWERS, OURS)
    for wrong in (open_ask(tells, {OURS.public_key}), open_tell(asks, OURS.public_key, NAME)):
        assert wrong == "its signature is not of who is said to have written it"


@given(st.data())
def test_a_letter_of_which_a_byte_was_changed_is_nobodys(data: st.DataObject) -> None:
    """Wherever it is; what is opened all the same says what was written."""
    letter = bytearray(sealed_ask(ASK, OURS))
    at = data.draw(st.integers(0, len(letter) - 1))
    letter[at] ^= data.draw(st.integers(1, 255))
    assert isinstance(open_ask(bytes(letter), {OURS.public_key}), str)


@given(st.binary(max_size=400) | st.text(alphabet='[]{}":,0a\\u', max_size=400).map(str.encode))
def test_whatever_is_sent_is_refused_in_words(payload: bytes) -> None:
    """It is anybody's who may write at the broker."""
    assert isinstance(open_ask(payload, {OURS.public_key}), str)
    assert isinstance(open_tell(payload, OURS.public_key, NAME), str)


def test_letters_of_strangers_and_letters_without_end_are_not_read() -> None:
    """Neither of somebody who is not named, nor beyond the bound."""
    letter = sealed_ask(ASK, OTHER)
    assert open_ask(letter, {OURS.public_key}) == "it is of nobody who is named here"
    assert "longer" in str(open_ask(letter + b" " * MOST_LETTER_BYTES, {OTHER.public_key}))


def test_the_largest_letters_that_honest_towers_write_are_within_the_bounds() -> None:
    """As many transactions as go together, and a better claim with a long sentence for each."""
    most = msgspec.structs.replace(ASK, transactions=[claim()] * MOST_AT_ONCE)
    assert len(sealed_ask(most, OURS)) < MOST_LETTER_BYTES / 2
    better = {"amount": 10**17, "public_key": "ED" * 33, "signature": "AB" * 72}
    answer = msgspec.convert({"refused": "x" * 200, "better": better}, CosignAnswer)
    answers = CosignAnswers(account="r" * 35, public_key="E" * 66, answers=[answer] * MOST_AT_ONCE)
    assert len(msgspec.json.encode(answers)) < MOST_BYTES
    assert len(sealed_tell(NAME, answers, OURS)) < MOST_LETTER_BYTES
