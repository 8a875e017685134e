"""The watchdog is fed unless a new process would do better: an outage restarts nothing."""

from __future__ import annotations

from dataclasses import dataclass, field

from watchtower.tower.vigil import Vigil
from watchtower.units import LedgerIndex


@dataclass
class Tower:
    """A tower that is looked at every thirty seconds, with the servers that it has."""

    servers: dict[str, int]
    newest: int = 100
    accounted: int | None = 100
    has_read: bool = True
    passing_since: float | None = None
    now: float = 1_000.0
    vigil: Vigil = field(default_factory=Vigil)

    def look(self) -> str | None:
        """Look once, half a minute later."""
        self.now += 30
        return self.vigil.why_asleep(
            self.now,
            newest=LedgerIndex(self.newest),
            accounted=None if self.accounted is None else LedgerIndex(self.accounted),
            told={server: LedgerIndex(index) for server, index in self.servers.items()},
            has_read=self.has_read,
            passing_since=self.passing_since,
        )

    def after(self, minutes: int, *, going_on: tuple[str, ...] = ()) -> list[str | None]:
        """Return what was said in so many minutes, in which some servers went on."""
        said = []
        for _ in range(2 * minutes):
            for server in going_on:
                self.servers[server] += 8
            said.append(self.look())
        return said


def test_tower_that_follows_is_awake_for_ever() -> None:
    """Ledgers come, and are accounted for."""
    tower = Tower({"one": 100, "two": 100})
    for _ in range(200):
        tower.newest = tower.accounted = tower.newest + 8
        tower.servers = dict.fromkeys(tower.servers, tower.newest)
        assert tower.look() is None


def test_tower_that_is_deaf_while_its_servers_go_on_is_restarted() -> None:
    """It has connections, and nothing of what they tell arrives."""
    said = Tower({"one": 100, "two": 100}).after(3, going_on=("one", "two"))
    assert said[:3] == [None, None, None]
    assert "servers go on (2 of them)" in (said[-1] or "")


def test_outage_of_all_servers_restarts_nothing() -> None:
    """Whatever it lasts: a new process would have no server either."""
    tower = Tower({"one": 100, "two": 100})
    tower.look()
    tower.servers = {}
    assert set(tower.after(60)) == {None}


def test_network_that_halts_restarts_nothing() -> None:
    """The servers are connected, and there are no ledgers."""
    assert set(Tower({"one": 100, "two": 100}).after(60)) == {None}


def test_one_server_that_invents_ledgers_restarts_nothing() -> None:
    """While the network halts, a liar would else have the tower begin anew every two minutes."""
    assert set(Tower({"one": 100, "liar": 100}).after(60, going_on=("liar",))) == {None}


def test_only_server_that_goes_on_is_enough() -> None:
    """Whoever has one server alone is to be woken as well."""
    assert Tower({"one": 100}).after(3, going_on=("one",))[-1] is not None


def test_disk_that_is_full_restarts_nothing() -> None:
    """The cursor stands still, and ledgers are heard of all the same."""
    tower = Tower({"one": 100, "two": 100})
    for _ in range(100):
        tower.newest += 8
        tower.servers = dict.fromkeys(tower.servers, tower.newest)
        assert tower.look() is None


def test_server_that_comes_back_with_newer_ledgers_gives_the_tower_its_time() -> None:
    """After an hour without any the first word is no proof of being deaf: the next one is."""
    tower = Tower({})
    assert set(tower.after(60)) == {None}
    tower.servers = {"one": 900, "two": 900}
    assert tower.look() is None
    tower.servers["two"] = 901
    assert set(tower.after(1, going_on=("one", "two"))) == {None}
    tower.newest = tower.accounted = 920
    assert set(tower.after(1)) == {None}


def test_tower_that_reads_everything_for_the_first_time_has_ten_minutes() -> None:
    """A hundred thousand channels are no reason to begin anew."""
    said = Tower({"one": 100}, has_read=False).after(13, going_on=("one",))
    assert set(said[:20]) == {None}
    assert said[-1] is not None


def test_pass_that_does_not_come_back_is_a_reason_to_begin_anew() -> None:
    """Ledgers come, and nobody answers them."""
    tower = Tower({"one": 100}, passing_since=1_000.0)
    for _ in range(19):
        tower.newest += 8
        assert tower.look() is None
    tower.newest += 8
    assert "hangs" in (tower.look() or "")
