"""The fuzzer itself: what it begins with, how it changes that, and what it tells."""

from __future__ import annotations

import json
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fuzzing.mutate import mutated
from fuzzing.seeds import seeds_of, words_of
from fuzzing.targets import TARGETS
from watchtower.claims.formats.registry import FORMATS, HEADED

ROOT = Path(__file__).parents[2]
OBJECTS = st.dictionaries(st.text(max_size=4), st.integers() | st.text() | st.lists(st.none()))


def test_every_form_of_claims_is_a_target() -> None:
    """A new one is fuzzed from its first day."""
    assert {*FORMATS, *HEADED} <= set(TARGETS)


@given(OBJECTS, st.integers(0, 2**32), st.sampled_from([b"", b"mpp\n"]))
def test_json_stays_json_and_the_same_luck_gives_the_same_bytes(
    found: dict[str, object], seed: int, head: bytes
) -> None:
    """A crash can be made again from its bytes alone, and from its seed."""
    data = head + json.dumps(found).encode()
    told = mutated(data, random.Random(seed))  # noqa: S311 - luck that can be repeated
    assert told is not None
    assert told.startswith(head)
    json.loads(told.removeprefix(head))
    assert told == mutated(data, random.Random(seed))  # noqa: S311 - as above


def test_what_is_no_json_is_left_to_others() -> None:
    """Bytes are changed as bytes; and JSON without a bottom must not end the fuzzer."""
    for data in (b"Payment eyJ", b"[" * 990 + b"]" * 990):
        assert mutated(data, random.Random(1)) is None  # noqa: S311 - as above


def test_the_words_are_those_of_the_seeds() -> None:
    """LibFuzzer puts them where it likes."""
    assert {b"cumulative", b"channelId", b"voucher"} <= set(words_of(seeds_of("mpp")))


def test_the_last_line_tells_of_every_target_that_was_fuzzed(tmp_path: Path) -> None:
    """And what was learnt is kept for the next time."""
    pytest.importorskip("atheris")
    done = subprocess.run(
        [
            *(sys.executable, "-m", "fuzzing", "value", "csv", "--runs", "200"),
            *("--corpus", str(tmp_path)),
        ],
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["crashes"] == 0
    assert set(told["targets"]) == {"value", "csv"}
    assert told["runs"] >= 400
    assert len(list((tmp_path / "csv").iterdir())) == told["targets"]["csv"]["corpus"]
