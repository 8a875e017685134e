"""How fast a server is asked: so that it never warns, by the charges of a real one."""

from __future__ import annotations

from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from watchtower.ledger.pacing import Pace
from watchtower.sandbox.throttle import Charges

COMMANDS = st.sampled_from(
    ["account_objects", "account_tx", "ledger_entry", "account_info", "fee", "submit"]
)


def send_all(pace: Pace, charges: Charges, commands: list[str]) -> tuple[float, int]:
    """Send commands one after another as fast as allowed; return when, and how many warnings."""
    now, warnings = 0.0, 0
    for command in commands:
        while wait := pace.ask(command, now=now):
            now += wait
        warnings += charges.charge(command, now)
    return now, warnings


@settings(max_examples=12)
@given(st.lists(COMMANDS, min_size=500, max_size=1_000))
def test_server_that_charges_as_a_real_one_never_warns(commands: list[str]) -> None:
    """Also two watchtowers behind one address are not too much; that is half the bound."""
    reads = [command for command in commands if command != "submit"]
    _, warnings = send_all(Pace(exempt=False), Charges(), reads)
    assert warnings == 0


def test_two_processes_behind_one_address_are_not_warned_either() -> None:
    """The commands of a person beside the daemon."""
    charges = Charges()
    daemon, person = Pace(exempt=False), Pace(exempt=False)
    now, warnings = 0.0, 0
    for _ in range(600):
        waits = [pace.ask("account_objects", now=now) for pace in (daemon, person)]
        warnings += sum(charges.charge("account_objects", now) for wait in waits if not wait)
        now += min(waits)
    assert warnings == 0


def test_start_is_not_slowed_down() -> None:
    """A thousand channels are read at once, and then there is room again."""
    now, _ = send_all(Pace(exempt=False), Charges(), ["ledger_entry"] * 1_000)
    assert now == 0.0


def test_long_reading_is_spread_over_time() -> None:
    """Two thousand pages of history: at two and a half a second, once the burst is over."""
    now, warnings = send_all(Pace(exempt=False), Charges(), ["account_tx"] * 2_000)
    assert warnings == 0
    assert 700 < now < 800


def test_submissions_wait_for_nobody() -> None:
    """An answer to a close request has no time to be polite."""
    pace = Pace(exempt=False)
    while not pace.ask("account_objects", now=0.0):
        pass
    assert pace.ask("submit", now=0.0) == 0.0


def test_price_and_sequence_wait_for_no_room_that_submissions_took() -> None:
    """They stand in front of the next ones: channels by the thousand end meanwhile (506113)."""
    pace = Pace(exempt=False)
    for _ in range(200):
        pace.ask("submit", now=0.0)
    while not pace.ask("account_objects", now=0.0):
        pass
    for command in ("fee", "account_info"):
        assert pace.ask(command, now=0.0) == 0.0


def test_reading_is_not_starved_by_submissions() -> None:
    """What is read may tell that there is nothing more to submit (600716)."""
    pace = Pace(exempt=False)
    pace.warned(now=0.0)
    read = []
    for second in range(60):
        for _ in range(50):
            pace.ask("submit", now=float(second))
        if not pace.ask("account_objects", now=float(second)):
            read.append(second)
    gaps = [later - sooner for sooner, later in pairwise(read)]
    assert len(read) >= 29
    assert max(gaps) == 2


def test_warning_halves_the_pace_for_a_while() -> None:
    """Somebody else behind our address asks too."""

    def asked_within(pace: Pace, begin: int) -> int:
        seconds = (float(second) for second in range(begin, begin + 20) for _ in range(4))
        return sum(not pace.ask("account_objects", now=now) for now in seconds)

    pace, unwarned = Pace(exempt=False), Pace(exempt=False)
    for both in (pace, unwarned):
        while not both.ask("account_objects", now=0.0):
            pass
    pace.warned(now=0.0)
    assert asked_within(pace, 1) < asked_within(unwarned, 1) / 2
    assert asked_within(pace, 200) == asked_within(unwarned, 200)


def test_local_server_is_asked_freely_until_it_warns() -> None:
    """Administrators are exempt (rippled Logic.h), and the port need not be theirs."""
    pace = Pace(exempt=True)
    assert not any(pace.ask("account_objects", now=0.0) for _ in range(1_000))
    pace.warned(now=0.0)
    assert pace.ask("account_objects", now=0.0) > 0


def test_pace_is_what_it_was_some_time_after_a_warning() -> None:
    """Whoever else asked has gone."""

    def asked_at(pace: Pace, now: float) -> int:
        count = 0
        while not pace.ask("account_objects", now=now):
            count += 1
        return count

    pace = Pace(exempt=False)
    unwarned = asked_at(pace, 0.0)
    pace.warned(now=10_000.0)
    assert asked_at(pace, 10_000.0) <= unwarned // 2 + 1
    assert asked_at(pace, 20_000.0) == unwarned
