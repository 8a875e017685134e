"""What is measured is the real door: every claim is verified, on disk, and answered."""

from __future__ import annotations

import pytest

from bench import intake
from bench.intake import Flow
from bench.scale import Scale


@pytest.mark.parametrize("ed25519", [False, True])
def test_every_claim_that_is_counted_was_kept(
    monkeypatch: pytest.MonkeyPatch,
    ed25519: bool,  # noqa: FBT001 - a parameter
) -> None:
    """A door that refused some would look fast."""
    monkeypatch.setattr(intake, "_PER_ROUND", 400)
    with Flow(ed25519=ed25519).opened() as flow:
        assert flow.through_the_door() > 0
        kept = flow.best_claims()
    assert len(kept) == 200
    assert {claim.amount for claim in kept} == set(range(201, 401))


def test_report_has_each_kind_of_key_and_where_the_time_goes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What the document names is what is measured."""
    monkeypatch.setattr(intake, "_PER_ROUND", 400)
    report = intake.measure(Scale(rounds=1))
    names = {one.name for one in report.readings}
    assert {"check.p99_us", "intake.durable_per_s", "intake.durable_ed25519_over_ceiling"} <= names
    assert report.where
