"""Settings that are read again while the tower runs: what may change, and all of it at once.

It waits for nobody. What it guarantees:

- All or nothing: with one setting in the file that only a restart can change, nothing is taken up.
- In one step. Every part's share is spelled first, which is where anything can be wrong, and then
  handed over without a wait in between: no delivery, claim or round sees half of it.

``docs/configuration.md`` says of each setting whether it is live, and is compared with `is_live` by
a test.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final, NamedTuple, TypeVar

import msgspec
from msgspec import Struct

from watchtower.settings import Settings

__all__ = ["AT_A_START", "Reload", "Reloading", "Spelled", "is_live", "what_changes"]

_Share = TypeVar("_Share")

_LIVE: Final = frozenset(
    {
        "alerts",
        "backup",
        "claims",
        "drill",
        "fees",
        "journal",
        "log",
        "payer",
        "policy",
        "space",
        "tickets",
    }
)
"""The sections that are live. All others say who we are, with whom we speak, where what we keep is,
and by whose keys we sign: what was opened, proven and promised at the start stands on these."""

AT_A_START: Final = frozenset({"alerts.mqtt", "alerts.mqtt_from", "alerts.heartbeat_topic"})
"""What only a start takes up, in sections that are live: it goes by the broker's connection, which
knows from its beginning what goes by it."""

_OF_SEVERAL: Final = frozenset(
    {"fees.cap_drops", "fees.daily_cap_drops", "fees.last_ledger_offset"}
)
"""What several towers that sign together hold each other to, from their start on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reload:
    """What differs, by the names of ``docs/configuration.md``, in the order of the settings.

    Attributes:
        live: what can be taken up now.
        needs_restart: what cannot; then nothing is.
    """

    live: tuple[str, ...] = ()
    needs_restart: tuple[str, ...] = ()

    @property
    def why_refused(self) -> str | None:
        """Why nothing is taken up, as a sentence; None if it can be."""
        if not self.needs_restart:
            return None
        names = ", ".join(f"`{name}`" for name in self.needs_restart)
        return f"{names} can only change at a start: restart the tower, or undo that."


def is_live(name: str) -> bool:
    """Return whether a setting, as `policy.margin_seconds`, can change while the tower runs."""
    return name.partition(".")[0] in _LIVE and name not in AT_A_START


def what_changes(old: Settings, new: Settings) -> Reload:
    """Return what differs between two settings, and whether it can be taken up by a running tower.

    With co-signers, and for whoever signs for others, also what several hold each other to needs a
    restart.
    """
    authority = old.authority
    of_several = _OF_SEVERAL if authority.cosign or authority.cosigners else frozenset()
    live: list[str] = []
    needs_restart: list[str] = []
    for name in _differing(old, new):
        can = is_live(name) and name not in of_several
        (live if can else needs_restart).append(name)
    return Reload(live=tuple(live), needs_restart=tuple(needs_restart))


def _differing(old: Struct, new: Struct, prefix: str = "") -> Iterator[str]:
    for field in msgspec.structs.fields(type(old)):
        before, after = getattr(old, field.name), getattr(new, field.name)
        if isinstance(before, Struct) and type(before) is type(after):
            yield from _differing(before, after, f"{prefix}{field.name}.")
        elif before != after:
            yield prefix + field.name


class _Spelling(NamedTuple):
    spelled: Callable[[Settings], Callable[[], None]]
    has_files: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Spelled:
    """Settings with everybody's share of them, ready to be handed over; none if they are refused.

    Attributes:
        settings: the new ones.
        changes: what differs from those that hold.
        shares: hand over a share each.
    """

    settings: Settings
    changes: Reload
    shares: tuple[Callable[[], None], ...] = ()


class Reloading:
    """The settings that hold now, and every part that follows them.

    Attributes:
        settings: those that hold.
    """

    def __init__(self, settings: Settings) -> None:
        """Begin with nobody who follows."""
        self.settings = settings
        self._spelling: list[_Spelling] = []

    def follow(
        self,
        spell: Callable[[Settings], _Share],
        *take: Callable[[_Share], None],
        has_files: bool = False,
    ) -> None:
        """Have parts follow the settings: each ``take`` is given what ``spell`` makes of them.

        ``take`` does not wait, does not fail, and leaves what is as it was alone. ``spell`` is
        called on any thread. With ``has_files`` it reads files that settings name: these may say
        something else although no setting does.
        """

        def spelled(settings: Settings) -> Callable[[], None]:
            share: Any = spell(settings)

            def hand_over() -> None:
                for each in take:
                    each(share)

            return hand_over

        self._spelling.append(_Spelling(spelled, has_files))

    def spelled(self, new: Settings) -> Spelled:
        """Return everybody's share of ``new``, for `take_up`; it changes nothing, on any thread.

        Raises:
            WatchtowerError: a file that the settings name cannot be read, or used.
        """
        changes = what_changes(self.settings, new)
        if changes.needs_restart:
            return Spelled(settings=new, changes=changes)
        shares = [
            one.spelled(new) for one in tuple(self._spelling) if changes.live or one.has_files
        ]
        return Spelled(settings=new, changes=changes, shares=tuple(shares))

    def take_up(self, spelled: Spelled) -> Reload:
        """Have everybody follow, if all that changes is live; return what changes."""
        if not spelled.changes.needs_restart:
            self.settings = spelled.settings
            for hand_over in spelled.shares:
                hand_over()
        return spelled.changes
