"""The documented settings, the example file and the code are one thing."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec import NODEFAULT, Struct, UnsetType

from watchtower.reloading import AT_A_START, is_live
from watchtower.settings import Settings, load
from watchtower.signer_settings import SignerSettings

ROOT = Path(__file__).parents[2]
EXAMPLE = ROOT / "config" / "watchtower.example.toml"
UNITS = ("seconds", "drops", "bytes", "hours", "days", "ledgers")


def defaults(kind: type[Struct] = Settings, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key of the settings with its default; NODEFAULT where there is none."""
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from defaults(field.type, f"{prefix}{field.name}.")
        else:
            yield f"{prefix}{field.name}", field.default


def flattened(shown: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Yield every key of a file, with those of its tables, and theirs, and its value."""
    for key, value in shown.items():
        if isinstance(value, dict):
            yield from flattened(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def documented() -> dict[str, str]:
    """Return the keys and defaults of the table, as they are written."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = text.partition("## The settings")[2].partition("## ")[0]
    return dict(re.findall(r"^\| `([a-z_.]+)` \| (.+?) \|", table, re.MULTILINE))


def as_written(default: Any) -> str:
    """Return how the table writes a default."""
    if default is NODEFAULT:
        return "–"  # noqa: RUF001 - the sign that the table uses
    if default is None or isinstance(default, UnsetType):
        return "unset"
    return f"`{json.dumps(default)}`"


def test_every_setting_is_documented_with_its_default() -> None:
    """Neither a setting that nobody can find, nor one that is gone, nor another default."""
    assert documented() == {key: as_written(default) for key, default in defaults()}


def test_the_example_shows_every_setting_at_its_default() -> None:
    """Uncommented as a whole, the example says what the code would do without it."""
    text = EXAMPLE.read_text(encoding="utf-8")
    uncommented = re.sub(r"^# (\w+ = )", r"\1", text, flags=re.MULTILINE)
    uncommented = re.sub(r"^(json = true).*$", r"\1", uncommented, flags=re.MULTILINE)
    shown = tomllib.loads(uncommented)
    flat = dict(flattened(shown))
    # It has no default to show: unset means that the terminal decides.
    assert flat.pop("log.json") is True

    expected = dict(defaults())
    del expected["log.json"]
    assert flat.keys() == expected.keys()
    for key, default in expected.items():
        if default is not NODEFAULT:
            assert flat[key] == (list(default) if isinstance(default, tuple) else default), key


def test_the_example_is_a_configuration() -> None:
    """As it stands, the watchtower would start with it."""
    assert load(EXAMPLE, {}).policy == Settings(accounts=("x",), servers=("y",)).policy


def reasons_in(example: Path) -> Iterator[tuple[str, str]]:
    """Yield every key of an example file, and the comment that stands right above it."""
    above: list[str] = []
    for line in example.read_text(encoding="utf-8").splitlines():
        if found := re.match(r"(?:# )?(\w+) = ", line):
            yield found[1], " ".join(above)
            above = []
        elif line.startswith("# ") and not line.startswith("#   "):
            above.append(line[2:])
        elif not line.startswith("#"):
            above = []


@pytest.mark.parametrize("name", ["watchtower.example.toml", "signer.example.toml"])
def test_every_setting_of_an_example_has_its_sentence_and_unit(name: str) -> None:
    """Whoever reads the file alone knows what a number counts."""
    for key, reason in reasons_in(EXAMPLE.parent / name):
        assert reason.endswith("."), key
        unit = key.rpartition("_")[2]
        prose = re.sub(r"`[^`]*`", "", reason)
        assert unit not in UNITS or unit in prose, key


def listed(kind: type[Struct] = Settings, prefix: str = "") -> Iterator[tuple[str, type[Struct]]]:
    """Yield every setting that is a list of tables, and what a table of it holds."""
    for field in msgspec.structs.fields(kind):
        if isinstance(field.type, type) and issubclass(field.type, Struct):
            yield from listed(field.type, f"{prefix}{field.name}.")
            continue
        found = re.findall(r"watchtower\.(\w+)\.(\w+Settings)", str(field.type))
        for module, name in found:
            yield f"{prefix}{field.name}", getattr(import_module(f"watchtower.{module}"), name)


def test_the_example_shows_every_key_of_every_table_in_a_list() -> None:
    """Below the empty list stands a table that can be used in its place, with all its keys."""
    text = EXAMPLE.read_text(encoding="utf-8")
    blocks = re.findall(r"^(?:# )?\w+ = .*\n((?:#   .*\n)+)", text, re.MULTILINE)
    shown = [re.sub(r"^#   ", "", block, flags=re.MULTILINE) for block in blocks]
    tables: dict[str, list[Any]] = {}
    for block in shown:
        tables.update(flattened(tomllib.loads(block)))
    kinds = dict(listed())

    assert kinds.keys() == {
        "accounts",
        "authority.cosigners",
        "hsm.keys",
        "head.towers",
        "alerts.webhooks",
    }
    assert tables.keys() == kinds.keys()
    for key, kind in kinds.items():
        table = tables[key][-1]
        assert table.keys() == {field.encode_name for field in msgspec.structs.fields(kind)}, key
        msgspec.convert(table, kind)


def test_every_variable_of_the_environment_is_documented() -> None:
    """The variables that the code reads are those of the table."""
    source = "".join(
        path.read_text(encoding="utf-8") for path in (ROOT / "watchtower").rglob("*.py")
    )
    read = set(re.findall(r'"(WATCHTOWER_[A-Z_]+[A-Z])"', source))
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")

    assert set(re.findall(r"^\| `(WATCHTOWER_[A-Z_]+)`", text, re.MULTILINE)) == read


def test_every_setting_says_whether_a_reload_takes_it_up() -> None:
    """Whoever changes one must know whether the tower has to be started again."""
    text = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    table = text.partition("## Read again while the tower runs")[2].partition("\n## ")[0]
    rows = dict(re.findall(r"^\| `([a-z_.]+)` \| (yes|no) \|", table, re.MULTILINE))
    fields = [*(field.name for field in msgspec.structs.fields(Settings)), *AT_A_START]
    assert rows == {name: "yes" if is_live(name) else "no" for name in fields}


EXAMPLES = [
    (document.name, block)
    for document in sorted((ROOT / "docs").glob("*.md"))
    for block in re.findall(r"^```toml\n([^`]*)^```", document.read_text("utf-8"), re.MULTILINE)
]


def what_does_not_fit(shown: dict[str, Any], kind: type[Struct]) -> str | None:
    """Say which part of an example is no such settings; None if all of it is."""
    fields = {field.encode_name: field.type for field in msgspec.structs.fields(kind)}
    for key, value in shown.items():
        if key not in fields:
            return f"there is no `{key}`"
        try:
            msgspec.convert(value, fields[key])
        except msgspec.ValidationError as wrong:
            return f"`{key}`: {wrong}"
    return None


@pytest.mark.parametrize(("document", "block"), EXAMPLES)
def test_every_example_of_settings_is_settings(document: str, block: str) -> None:
    """Of the tower, or of a signer apart: somebody will copy it."""
    # The one value that is shortened where it is shown.
    shown = tomllib.loads(block.replace("age1…", f"age1{'q' * 58}"))
    wrong = [what_does_not_fit(shown, kind) for kind in (Settings, SignerSettings)]

    assert None in wrong, document
