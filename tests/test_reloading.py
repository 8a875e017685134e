"""What may change while the tower runs, and that it changes all at once."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from watchtower.cosigner_settings import CosignerSettings
from watchtower.reloading import Reload, Reloading, is_live, what_changes
from watchtower.settings import (
    AuthoritySettings,
    FeeSettings,
    LogSettings,
    PolicySettings,
    Settings,
)

BEFORE = Settings(
    accounts=("rHb9CJAWyB4rj91VRWn96DkukG4bwdtyTh",),
    servers=("wss://one.example", "wss://two.example"),
)


def with_changes(**changes: Any) -> Settings:
    """Return the settings with some of them changed."""
    return msgspec.structs.replace(BEFORE, **changes)


def take_up(reloading: Reloading, new: Settings) -> Reload:
    """Have everybody follow other settings, as a file that is read again does."""
    return reloading.take_up(reloading.spelled(new))


def test_what_differs_is_named_as_it_is_written() -> None:
    """Whoever reads the refusal must find the line."""
    after = with_changes(
        store="elsewhere.db",
        servers=("wss://one.example",),
        policy=PolicySettings(margin_seconds=180),
        log=LogSettings(level="debug"),
    )
    changes = what_changes(BEFORE, after)

    assert changes.live == ("policy.margin_seconds", "log.level")
    assert changes.needs_restart == ("servers", "store")
    assert changes.why_refused is not None
    assert "`servers`, `store`" in changes.why_refused


def test_same_file_changes_nothing() -> None:
    """Whoever has it read again for nothing disturbs nobody."""
    told: list[Settings] = []
    reloading = Reloading(BEFORE)
    reloading.follow(lambda settings: settings, told.append)
    changes = take_up(reloading, with_changes())

    assert (changes.live, changes.needs_restart, changes.why_refused) == ((), (), None)
    assert told == []


@pytest.mark.parametrize(
    "authority",
    [
        AuthoritySettings(cosign=True),
        AuthoritySettings(cosigners=(CosignerSettings(account="r", public_key="k"),)),
    ],
)
def test_what_several_towers_hold_each_other_to_changes_with_a_start(
    authority: AuthoritySettings,
) -> None:
    """The hand of several, and whoever signs for others, keep the caps that they began with."""
    old = with_changes(authority=authority)
    new = msgspec.structs.replace(
        old, fees=FeeSettings(cap_drops=2_000_000, budget_share=0.4), policy=PolicySettings()
    )

    assert what_changes(old, new).needs_restart == ("fees.cap_drops",)
    assert what_changes(old, new).live == ("fees.budget_share",)


def test_one_setting_that_needs_a_start_keeps_all_the_others_out() -> None:
    """Half of a file is something that nobody has written."""
    told: list[int] = []
    reloading = Reloading(BEFORE)
    reloading.follow(lambda settings: settings.policy.margin_seconds, told.append)
    take_up(reloading, with_changes(store="else.db", policy=PolicySettings(margin_seconds=180)))

    assert told == []
    assert reloading.settings is BEFORE


def test_share_that_cannot_be_spelled_keeps_everybody_where_they_were() -> None:
    """Nobody is told before everything is known: a mistake of ours must not leave a half."""
    told: list[int] = []

    def mistake(_settings: Settings) -> int:
        raise ZeroDivisionError

    reloading = Reloading(BEFORE)
    reloading.follow(lambda settings: settings.policy.margin_seconds, told.append)
    reloading.follow(mistake, told.append)
    with pytest.raises(ZeroDivisionError):
        take_up(reloading, with_changes(policy=PolicySettings(margin_seconds=180)))

    assert told == []
    assert reloading.settings is BEFORE


def test_whoever_follows_is_told_its_share() -> None:
    """Each what its own words make of the settings."""
    told: list[int] = []
    reloading = Reloading(BEFORE)
    reloading.follow(lambda settings: settings.policy.margin_seconds, told.append, told.append)
    take_up(reloading, with_changes(policy=PolicySettings(margin_seconds=180)))

    assert told == [180, 180]
    assert reloading.settings.policy.margin_seconds == 180


def test_file_that_a_setting_names_is_read_again_although_no_setting_differs() -> None:
    """Secrets are changed in their files; nobody else is disturbed by it."""
    told: list[str] = []
    reloading = Reloading(BEFORE)
    reloading.follow(lambda settings: settings.store, told.append)
    reloading.follow(lambda _settings: "file", told.append, has_files=True)
    changes = take_up(reloading, with_changes())

    assert (changes.live, told) == ((), ["file"])


def test_section_is_live_but_for_what_goes_by_the_broker() -> None:
    """By the name of any setting in it."""
    assert is_live("policy.margin_seconds")
    assert is_live("alerts.webhook")
    assert not is_live("alerts.mqtt")
    assert not is_live("http.listen")
    assert not is_live("store")
