"""One catalogue: what is exported, documented, alarmed by and shown is what it tells."""

from __future__ import annotations

import json
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from watchtower.metrics.catalogue import CATALOGUE
from watchtower.metrics.exposition import text_of
from watchtower.metrics.metric import PREFIX, Kind

ROOT = Path(__file__).parents[2]
RULES = ROOT / "config" / "prometheus-alerts.yml"
BOARD = ROOT / "config" / "grafana-dashboard.json"
NAMES = {metric.name for metric in CATALOGUE}


def promtool(*words: str | Path, given: bytes = b"") -> str:
    """Run it, and return what it said; it has to be content."""
    run = subprocess.run(
        ["promtool", *map(str, words)],
        input=given,
        capture_output=True,
        check=False,
        cwd=ROOT,
    )
    said = (run.stdout + run.stderr).decode()
    assert run.returncode == 0, said
    return said


def named(text: str) -> set[str]:
    """Return the metrics of ours that a text of PromQL names, without what histograms add."""
    found = set(re.findall(rf"\b{PREFIX}\w+", text))
    return {
        re.sub(r"_(bucket|sum|count)$", "", name) if name not in NAMES else name for name in found
    }


def test_names_end_with_their_units_and_only_counters_with_total() -> None:
    """As Prometheus names things: who reads a name knows what to do with the number."""
    for metric in CATALOGUE:
        bare = metric.name.removesuffix("_total")
        assert metric.name.startswith(PREFIX)
        assert (metric.name != bare) == (metric.kind is Kind.COUNTER), metric.name
        assert not metric.unit or bare.endswith(f"_{metric.unit}"), metric.name
        assert bool(metric.bounds) == (metric.kind is Kind.HISTOGRAM)
        assert list(metric.bounds) == sorted(set(metric.bounds))
    assert len(NAMES) == len(CATALOGUE)


def test_nothing_is_labelled_by_whom_it_is_about() -> None:
    """A label is a word of ours: with accounts or channels it would show who pays whom."""
    labels = {label for metric in CATALOGUE for label in metric.labels}
    assert labels == {
        *("act", "alarm", "answer", "kind", "outcome", "place", "purpose", "route", "serve"),
        *("heartbeat", "result", "server", "severity", "status", "verdict", "version"),
    }


def test_promtool_finds_nothing_to_say_about_the_metrics() -> None:
    """Its own lint, over every family."""
    assert promtool("check", "metrics", given=text_of([])) == ""


def test_every_metric_is_documented_with_its_kind_and_meaning() -> None:
    """The table is the catalogue, in its order."""
    text = (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8")
    rows = re.findall(rf"^\| `({PREFIX}\w+)` \| (\w+) \| (.*) \| (.+) \|$", text, re.MULTILINE)
    assert rows == [
        (m.name, m.kind.value, ", ".join(f"`{label}`" for label in m.labels), m.meaning)
        for m in CATALOGUE
    ]


def test_rules_and_board_name_only_metrics_that_there_are() -> None:
    """A rule over a metric that was renamed would never fire, and nobody would notice."""
    for path in (RULES, BOARD, ROOT / "tests" / "metrics" / "prometheus-alerts.test.yml"):
        found = named(path.read_text(encoding="utf-8"))
        assert found
        assert found <= NAMES, path.name


def test_every_metric_is_on_the_board() -> None:
    """What nobody looks at need not be measured."""
    assert NAMES - named(BOARD.read_text(encoding="utf-8")) == set()


def test_promtool_takes_the_rules_and_the_example() -> None:
    """Both can be loaded as they are; the token's file is the operator's."""
    assert "SUCCESS" in promtool("check", "rules", RULES)
    promtool("check", "config", "--syntax-only", ROOT / "config" / "prometheus.yml")


def test_each_rule_fires_when_it_should_and_not_before() -> None:
    """By promtool's own evaluation; every rule is in there, and is silent while all is well."""
    tests = Path(__file__).parent / "prometheus-alerts.test.yml"
    assert "SUCCESS" in promtool("test", "rules", tests)
    text = tests.read_text(encoding="utf-8")
    alerts = re.findall(r"^      - alert: (\w+)$", RULES.read_text(encoding="utf-8"), re.MULTILINE)
    calm, _, stirred = text.partition("\n- name: Watchtower")
    assert set(re.findall(r"alertname: (\w+)", calm)) == set(alerts)
    assert set(re.findall(r"alertname: (\w+)\n    exp_alerts:", stirred)) == set(alerts)


def test_every_rule_leads_to_what_to_do() -> None:
    """A summary in one sentence, and a section that exists, named like the rule."""
    text = RULES.read_text(encoding="utf-8")
    rules = re.split(r"^      - alert: ", text, flags=re.MULTILINE)[1:]
    headings = re.findall(
        r"^### (\w+)$", (ROOT / "docs" / "metrics.md").read_text(encoding="utf-8"), re.MULTILINE
    )
    names = [rule.partition("\n")[0] for rule in rules]
    assert names == headings
    for name, rule in zip(names, rules, strict=True):
        assert re.search(r"^          summary: \S.*\.$", rule, re.MULTILINE), name
        assert f"guide: docs/metrics.md#{name.lower()}\n" in f"{rule}\n", name
        assert re.search(r"severity: (urgent|warning)\b", rule), name


def panels() -> list[dict[str, Any]]:
    """The board's panels, rows among them."""
    found: list[dict[str, Any]] = json.loads(BOARD.read_text(encoding="utf-8"))["panels"]
    return found


@pytest.mark.parametrize("panel", panels(), ids=lambda panel: str(panel["title"]))
def test_each_panel_says_what_it_shows_and_in_which_unit(panel: dict[str, Any]) -> None:
    """It asks whichever source is chosen, of whichever tower; and explains itself."""
    if panel["type"] == "row":
        return
    assert panel["description"].endswith(".")
    assert panel["fieldConfig"]["defaults"]["unit"]
    assert panel["fieldConfig"]["defaults"]["thresholds"]["steps"][0]["value"] is None
    for target in panel["targets"]:
        assert target["datasource"] == panel["datasource"]
        assert target["datasource"]["uid"] == "${datasource}"
        found = re.findall(r"\b(?:watchtower|process)_\w+(\{[^}]*\})?", target["expr"])
        assert found
        assert all('instance=~"$instance"' in selector for selector in found)


def test_the_boards_panels_are_beside_each_other_and_not_above() -> None:
    """Grafana would move them, differently for everybody; and each has a number of its own."""
    taken: set[tuple[int, int]] = set()
    for panel in panels():
        at = panel["gridPos"]
        cells = {
            (x, y)
            for x in range(at["x"], at["x"] + at["w"])
            for y in range(at["y"], at["y"] + at["h"])
        }
        assert at["x"] + at["w"] <= 24
        assert not cells & taken, panel["title"]
        taken |= cells
    numbers = [panel["id"] for panel in panels()]
    assert len(set(numbers)) == len(numbers)


def test_promql_of_the_board_can_be_read(tmp_path: Path) -> None:
    """Promtool reads every expression, with what Grafana would put in for its variables."""
    rules = []
    for panel in panels():
        for place, target in enumerate(panel.get("targets", ())):
            expr = target["expr"].replace("$__rate_interval", "1m").replace("$job", "watchtower")
            rules.append({"record": f"panel:{panel['id']}:{place}", "expr": expr})
    # JSON is YAML, too.
    made = tmp_path / "board.yml"
    made.write_text(json.dumps({"groups": [{"name": "board", "rules": rules}]}), encoding="utf-8")
    assert "SUCCESS" in promtool("check", "rules", made)
