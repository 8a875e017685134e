"""Exit codes are an interface: unique, drawn in the tree, tabled for scripts, and never moved."""

from __future__ import annotations

import re
import string
from collections.abc import Iterator

from tests.architecture.sources import ROOT
from watchtower import errors
from watchtower.errors import WatchtowerError


def tree(error: type[WatchtowerError] = WatchtowerError) -> Iterator[type[WatchtowerError]]:
    """Yield the error and everything under it, in the order of definition."""
    yield error
    for child in error.__subclasses__():
        if child.__module__.startswith(f"{errors.__name__}."):
            yield from tree(child)


def codes() -> dict[str, int]:
    """Return the code of every error that has its own."""
    return {error.__name__: error.exit_code for error in tree() if "exit_code" in vars(error)}


def drawn(docstring: str) -> dict[str, int]:
    """Return the codes as the drawing has them."""
    return {
        name: int(code) for name, code in re.findall(r"(\w+Error) +(?:exit code )?(\d+)", docstring)
    }


def tabled(markdown: str) -> dict[str, int]:
    """Return the codes as the document tables them; lines without an error are not ours."""
    rows = re.findall(r"^\| (\d+) \| `(\w+)` \|", markdown, re.MULTILINE)
    return {name: int(code) for code, name in rows}


def test_every_exit_code_is_somebodys_alone() -> None:
    """A script can tell two failures apart."""
    values = list(codes().values())

    assert len(set(values)) == len(values)
    # 0 is success, 2 is click's for a wrong command line, 126 and above are the shell's.
    assert not {0, 2} & set(values)
    assert max(values) < 126


def test_every_error_that_can_be_raised_has_its_own_sentence_and_code() -> None:
    """Only the roots of the families share the code 1, and they are not raised."""
    roots = {error for error in tree() if error.__subclasses__()}

    for error in set(tree()) - roots:
        assert {"exit_code", "template"} <= vars(error).keys(), error


def test_the_tree_in_the_docstring_is_the_tree() -> None:
    """Whoever reads the drawing reads the truth."""
    assert drawn(errors.__doc__ or "") == codes()


def test_the_document_tables_exactly_these_codes() -> None:
    """Neither a code that is undocumented, nor one that is documented and gone."""
    document = (ROOT / "docs" / "exit-codes.md").read_text(encoding="utf-8")

    assert tabled(document) == codes()


def test_everything_in_the_tree_is_exported() -> None:
    """`__all__` is the tree."""
    assert {error.__name__ for error in tree()} == set(errors.__all__)


def test_every_sentence_says_what_happened_and_what_to_do() -> None:
    """Filled with its facts it is whole sentences, and the facts stay at hand."""
    for error in set(tree()):
        if "template" not in vars(error):
            continue
        names = {name for _, name, _, _ in string.Formatter().parse(error.template) if name}
        facts = {name: 7 if name == "seconds" else f"the {name}" for name in names}
        raised = error(**facts)

        assert str(raised).endswith((".", ".)")), error
        assert "{" not in str(raised), error
        assert raised.facts == facts
        assert all(str(fact) in str(raised) for fact in facts.values()), error


def test_a_wrong_drawing_and_a_wrong_table_would_be_found() -> None:
    """The readers of the drawing and of the table read numbers, and not their wishes."""
    assert drawn("├── AddressError   11   not an address") == {"AddressError": 11}
    assert tabled("| 11 | `AddressError` | x |\n| 0 | - | fine |") == {"AddressError": 11}
