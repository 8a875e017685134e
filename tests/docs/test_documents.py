"""What the documents point at exists, and the architecture's table is the code's."""

from __future__ import annotations

import re
from functools import cache
from itertools import chain
from pathlib import Path

import pytest

from tests.architecture.sources import read_house
from tests.architecture.test_purity import PURE

ROOT = Path(__file__).parents[2]
DOCUMENTS = sorted(
    chain(ROOT.glob("*.md"), (ROOT / "docs").rglob("*.md")), key=lambda path: path.as_posix()
)


def relative_name(path: Path) -> str:
    """Return how a document is called in a test's name."""
    return str(path.relative_to(ROOT))


def text_of(name: str) -> str:
    """Return a document."""
    return (ROOT / name).read_text(encoding="utf-8")


@cache
def names_of_tests() -> frozenset[str]:
    """Return what tests are called, and the files that they stand in."""
    files = list((ROOT / "tests").rglob("test_*.py"))
    found = (re.findall(r"def (test_\w+)", path.read_text(encoding="utf-8")) for path in files)
    # Names in prose that explain how a test is called, or name a file, are checked as files.
    return frozenset(chain.from_iterable(found)) | {path.stem for path in files}


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative_name)
def test_every_picture_is_told_in_words_beside_it(document: Path) -> None:
    """For whoever does not see it; one that is drawn says so within itself, too."""
    text = re.sub(r"```.*?```", "", document.read_text(encoding="utf-8"), flags=re.DOTALL)
    for words, place in re.findall(r"!\[([^\]]*)\]\(([^)\s]+)\)", text):
        assert len(words) > 40, place
        if place.endswith(".svg"):
            drawn = (document.parent / place).read_text(encoding="utf-8")
            named = re.search(r'aria-labelledby="([\w-]+) ([\w-]+)"', drawn)
            assert named is not None, place
            assert re.search(rf'<title id="{named[1]}">[^<]+</title>', drawn), place
            assert re.search(rf'<desc id="{named[2]}">[^<]+</desc>', drawn), place


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative_name)
def test_every_test_that_a_document_names_exists(document: Path) -> None:
    """A rule is held by a test that is there, under that very name."""
    named = set(re.findall(r"`(test_\w+)`", document.read_text(encoding="utf-8")))

    assert named - names_of_tests() == set()


@pytest.mark.parametrize("document", DOCUMENTS, ids=relative_name)
def test_every_path_that_a_document_names_exists(document: Path) -> None:
    """Files and folders of the project are called by the names that they have."""
    tops = "watchtower|tests|docs|scripts|systemd|config|requirements"
    text = document.read_text(encoding="utf-8")
    named = {*re.findall(rf"`((?:{tops})/[\w./-]*)`", text), *re.findall(r"\bscripts/\w+", text)}

    assert sorted(path for path in named if not (ROOT / path).exists()) == []


def test_what_the_code_refers_to_can_be_read() -> None:
    """A document, a decision or a rule that a comment names is there."""
    rules = re.findall(r"^(\d+)\. ", text_of("docs/architecture.md"), re.MULTILINE)
    lost = []
    for path in (*(ROOT / "watchtower").rglob("*.py"), *(ROOT / "tests").rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        named = [f"rule {n}" for n in re.findall(r"\brule (\d+)\b", source) if n not in rules]
        named += [
            name for name in re.findall(r"\bdocs/[\w/-]+\.md", source) if not (ROOT / name).exists()
        ]
        # Notes of ours that are not part of the project.
        named += re.findall(r"\bLEDGER [A-H]\d?\b", source)
        lost += [f"{path.relative_to(ROOT)}: {name}" for name in named]

    assert lost == []


def rooms_of_the_table() -> dict[str, str]:
    """Return the line of each room in the architecture's table."""
    lines = text_of("docs/architecture.md").splitlines()
    rooms = {}
    for line in lines:
        if found := re.match(r"\| \*\*(\w+)/\*\*(\\\*)? ", line):
            rooms[found[1]] = line
    return rooms


def test_the_table_of_rooms_names_every_module() -> None:
    """A new file is in the picture, and a file that is gone is not."""
    rooms = rooms_of_the_table()
    for name, line in rooms.items():
        if name in {"sandbox", "cli", "demo"}:
            continue
        modules = {module.split(".")[1] for module in read_house() if module.startswith(f"{name}.")}
        named = {word.rstrip("/") for word in re.findall(r"`([a-z_]+/?)`", line)}
        assert named - {"store"} >= modules, name
        assert {word for word in named if word not in modules} <= {"store"}, name


def test_the_table_marks_exactly_the_pure_modules() -> None:
    r"""Every ``\*`` is held by the purity test, and everything that it holds is marked."""
    marked = set()
    for line in text_of("docs/architecture.md").splitlines():
        room = re.match(r"\| \*\*(\w+)/\*\*(\\\*)?", line)
        if room is None:
            continue
        if room[2]:
            names = re.findall(r"`([a-z_]+)`", line.split("|")[2])
            marked |= {f"{room[1]}.{name}" for name in names}
        else:
            found = re.findall(r"`([a-z_/]+)`\\\*", line)
            names = [f"{room[1]}.{name.replace('/', '.')}" for name in found]
            # A folder stands for every module in it.
            marked |= {
                module
                for name in names
                for module in read_house()
                if module == name or (name.endswith(".") and module.startswith(name))
            }

    assert marked == set(PURE) - {"units", "errors", "hosts", "places", "brokers"}


def test_every_decision_is_in_the_index() -> None:
    """The index of decisions lists each file once, under its own number and title."""
    index = text_of("docs/adr/README.md")
    for path in sorted((ROOT / "docs" / "adr").glob("[0-9]*.md")):
        number, _, title = path.read_text(encoding="utf-8").splitlines()[0][2:].partition(" ")
        assert path.name.startswith(f"{number}-")
        assert f"| [{number}]({path.name}) | {title} |" in index
