"""Words make the seeds that BIP-39 says, and mistyped ones make none."""

from __future__ import annotations

import traceback
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mnemonic import Mnemonic as Reference
from slip10 import SLIP10

from tests.keys.vectors import vectors
from watchtower.errors import MnemonicError
from watchtower.keys.mnemonic import WORDS, make_mnemonic, read_mnemonic, seed_of

ENGLISH = Reference("english").wordlist
entropies = st.sampled_from((16, 20, 24, 28, 32)).flatmap(
    lambda size: st.binary(min_size=size, max_size=size)
)


@pytest.mark.parametrize("vector", vectors("bip39"), ids=lambda vector: vector["entropy"][:8])
def test_the_vectors_of_bip_39(vector: dict[str, str]) -> None:
    """Entropy, words, seed and master key."""
    assert Reference("english").to_mnemonic(bytes.fromhex(vector["entropy"])) == vector["words"]
    seed = read_mnemonic(vector["words"]).seed("TREZOR")
    assert seed.hex() == vector["seed"]
    assert SLIP10.from_seed(seed).get_xpriv() == vector["xprv"]


def test_words_and_passphrase_are_brought_to_one_form_first() -> None:
    """NFKD: the same letters typed on another machine make the same seed."""
    (vector,) = vectors("bip39_nfkd")
    for form in ("NFC", "NFD", "NFKC", "NFKD"):
        words, passphrase = (
            unicodedata.normalize(form, vector[name]) for name in ("words", "passphrase")
        )
        assert seed_of(words, passphrase).hex() == vector["seed"]
    assert seed_of(vector["words"], vector["passphrase"]).hex() == vector["seed"]


def test_case_and_spaces_do_not_count() -> None:
    """A person copies from paper."""
    words = vectors("bip39")[0]["words"]
    typed = f"\n  {words.title().replace(' ', '   ')}\t\n"
    assert read_mnemonic(typed).seed() == read_mnemonic(words).seed()


def test_what_we_make_is_long_enough_and_never_the_same() -> None:
    """256 bits each."""
    made = {make_mnemonic().words for _ in range(8)}
    assert len(made) == 8
    for words in made:
        assert len(words) == WORDS == 24
        assert read_mnemonic(" ".join(words)).words == words


@given(entropies, st.text(max_size=20))
def test_the_same_words_make_the_same_seed(entropy: bytes, passphrase: str) -> None:
    """Always, and with another passphrase another one."""
    words = Reference("english").to_mnemonic(entropy)
    mnemonic = read_mnemonic(words)
    assert mnemonic.seed(passphrase) == read_mnemonic(words).seed(passphrase)
    assert mnemonic.seed(passphrase) != mnemonic.seed(passphrase + "x")


@given(entropies, st.data())
def test_a_flipped_word_fails_the_checksum_or_makes_another_seed(
    entropy: bytes, data: st.DataObject
) -> None:
    """Never the same key from other words."""
    words = Reference("english").to_mnemonic(entropy).split()
    place = data.draw(st.integers(0, len(words) - 1))
    other = [*words]
    other[place] = data.draw(st.sampled_from(ENGLISH).filter(lambda word: word != words[place]))
    try:
        mistyped = read_mnemonic(" ".join(other))
    except MnemonicError:
        return
    assert mistyped.seed() != read_mnemonic(" ".join(words)).seed()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "0 words"),
        ("abandon " * 11, "11 words"),
        ("abandon " * 12, "checksum is wrong"),
        ("abandon " * 11 + "secretive", "word 12 of it is not in the English list"),
        ("hemlich " + "abandon " * 10 + "gehaim", "words 1, 12 of it"),
        ("あ " * 12, "words 1, 2"),
    ],
)
def test_what_is_no_mnemonic_is_refused_and_never_repeated(text: str, why: str) -> None:
    """Not in the sentence, not in the traceback, not in what caused it."""
    with pytest.raises(MnemonicError, match=why) as caught:
        read_mnemonic(text)
    told = "".join(traceback.format_exception(caught.value))
    assert not [word for word in text.split() if f"{word} " in told or f"'{word}'" in told]
    assert caught.value.__cause__ is None
    assert caught.value.__context__ is None


def test_a_mnemonic_does_not_show_its_words() -> None:
    """Whoever logs it by mistake logs nothing."""
    mnemonic = read_mnemonic(vectors("bip39")[1]["words"])
    assert "legal" not in f"{mnemonic!r} {mnemonic}"
