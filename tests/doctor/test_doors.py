"""What the doctor says of the door's certificate: real ones, as an authority makes them."""

from __future__ import annotations

from collections.abc import Collection
from datetime import timedelta

import pytest

from tests.doctor.conftest import Practice, levels, one_of
from tests.interfaces.certificates import Authority, Pair
from watchtower.doctor.finding import Finding, Level
from watchtower.doctor.of_doors import is_named


@pytest.fixture
def authority(practice: Practice) -> Authority:
    """Who signs certificates."""
    return Authority(practice.folder)


async def look(practice: Practice, pair: Pair, *names: str) -> list[Finding]:
    """Return what is found where the door has a certificate, and these names."""
    practice.configure(
        f'[http]\nlisten = "0.0.0.0:8443"\nnames = {list(names)}\n'.replace("'", '"')
        + f'certificate = "{pair.certificate}"\ncertificate_key = "{pair.key}"\n'
    )
    return await practice.look(offline=True)


async def test_a_certificate_that_is_good_is_said_to_be(
    practice: Practice, authority: Authority
) -> None:
    """For how long, and for all who come."""
    found = await look(practice, authority.pair("good"), "tower.example")

    told = one_of(found, "http.certificate")
    assert told.level is Level.OK
    assert "is good for 30 more days" in told.sentence
    assert levels(found, "http.names") == [Level.OK]


@pytest.mark.parametrize(
    ("good_for", "level", "said"),
    [
        (timedelta(days=3), Level.WARNING, "is good for 3 more days: renew it"),
        (timedelta(days=-3), Level.FAILURE, "expired 3 days ago"),
    ],
)
async def test_a_certificate_that_ends_soon_or_has_ended_is_told_of(
    practice: Practice, authority: Authority, good_for: timedelta, level: Level, said: str
) -> None:
    """Before platforms are turned away by it."""
    found = await look(practice, authority.pair("short", good_for=good_for), "tower.example")

    told = one_of(found, "http.certificate")
    assert told.level is level
    assert said in told.sentence


async def test_a_key_that_does_not_fit_or_is_sealed_is_a_failure(
    practice: Practice, authority: Authority
) -> None:
    """With the sentence by which the daemon would not start."""
    one, other = authority.pair("one"), authority.pair("other")
    mixed = Pair(certificate=one.certificate, key=other.key)
    told = one_of(await look(practice, mixed, "tower.example"), "http.certificate")
    assert told.level is Level.FAILURE
    assert "the certificate is of another key" in told.sentence

    sealed = authority.pair("sealed", passphrase=b"word")
    found = await look(practice, sealed, "tower.example")
    assert "sealed with a passphrase" in one_of(found, "http.certificate").sentence
    assert levels(found, "http.names") == []


async def test_a_certificate_of_another_name_is_told_of(
    practice: Practice, authority: Authority
) -> None:
    """Nobody who looks comes in by it, though the daemon starts."""
    found = await look(practice, authority.pair("good"), "tower.example", "door.example")

    told = one_of(found, "http.names")
    assert told.level is Level.WARNING
    assert "and not door.example (`http.names`)" in told.sentence
    assert levels(found, "http.certificate") == [Level.OK]


async def test_a_certificate_of_nothing_on_this_machine_is_told_of_at_its_own_port(
    practice: Practice, authority: Authority
) -> None:
    """Where no names are told, one comes by the address itself."""
    pairs = {
        Level.OK: authority.pair("ours"),
        Level.WARNING: authority.pair("theirs", hosts=("other.example",), addresses=()),
    }
    for level, pair in pairs.items():
        practice.configure(
            f'[http]\nlisten = "127.0.0.1:8443"\ncertificate = "{pair.certificate}"\n'
            f'certificate_key = "{pair.key}"\n'
        )
        assert levels(await practice.look(offline=True), "http.names") == [level]


@pytest.mark.parametrize(
    ("host", "named", "is_one"),
    [
        ("tower.example", ["tower.example"], True),
        ("Tower.Example.", ["tower.example"], True),
        ("a.tower.example", ["*.tower.example"], True),
        ("a.b.tower.example", ["*.tower.example"], False),
        ("tower.example", ["*.example"], False),
        ("a.tower.example", ["a*.tower.example"], False),
        ("192.0.2.1", ["192.0.2.1"], True),
        ("192.0.2.1", ["*.0.2.1"], False),
        ("::1", ["0:0:0:0:0:0:0:1"], False),
        ("0:0:0:0:0:0:0:1", ["::1"], True),
    ],
)
def test_a_star_in_a_certificate_is_one_whole_label(
    host: str, named: Collection[str], *, is_one: bool
) -> None:
    """RFC 9525; addresses stand there in one spelling."""
    assert is_named(host, named) is is_one
