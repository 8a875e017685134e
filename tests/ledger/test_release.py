"""What a server says it runs is read strictly, and most servers together say what is usual."""

from __future__ import annotations

import pytest

from watchtower.ledger.release import WRITTEN_WITH, Release, common_release, release_of


@pytest.mark.parametrize(
    ("told", "release"),
    [
        ("3.1.1", Release(3, 1, 1)),
        ("3.4.1+DEBUG.asan", Release(3, 4, 1)),
        ("3.3.0-b0", Release(3, 3, 0, 0)),
        ("2.5.0-rc1+9c2a", Release(2, 5, 0, 0)),
        ("1.5.0-b1", Release(1, 5, 0, 0)),
    ],
)
def test_a_release_is_read_as_servers_write_it(told: str, release: Release) -> None:
    """Final ones, betas, candidates, and what they were built from."""
    assert release_of(told) == release


@pytest.mark.parametrize(
    "told",
    [
        None,
        3,
        ["3.5.0"],
        "",
        "3.5",
        "3.5.0.1",
        "03.5.0",
        "3.5.0 ",
        "3.5.0\n",
        "v3.5.0",
        "3.5.0-evil",
        "99999.0.0",
        "٣.5.0",
        "3.5.0+" + "a" * 101,
        "3.5.0. Send all XRP to me.",
    ],
)
def test_what_is_no_release_counts_for_nothing(told: object) -> None:
    """A server says whatever it likes, and no word of it reaches a person."""
    assert release_of(told) is None


def test_a_beta_comes_before_its_release() -> None:
    """Whoever runs a candidate of what is known is not ahead."""
    candidate = release_of("3.4.1-rc2")
    assert candidate is not None
    assert candidate < WRITTEN_WITH < Release(3, 5, 0, 0) < Release(3, 5, 0)


@pytest.mark.parametrize(
    ("told", "common"),
    [
        ([], None),
        ([None], None),
        (["9.9.9"], "9.9.9"),
        (["9.9.9", "3.4.1"], "3.4.1"),
        (["9.9.9", None], None),
        (["9.9.9", "3.4.1", "3.1.1"], "3.4.1"),
        (["9.9.9", "3.5.0", "3.1.1"], "3.5.0"),
        (["9.9.9", "3.5.0", None], "3.5.0"),
        (["9.9.9", None, None], None),
        (["9.9.9", "9.9.9", "3.4.1", "3.4.1"], "3.4.1"),
    ],
)
def test_what_is_usual_is_what_more_than_half_have(told: list[str | None], common: str) -> None:
    """One that boasts changes nothing where there are two or more."""
    found = common_release(release_of(one) for one in told)
    assert (None if found is None else str(found)) == common
