"""The manual has a page for each command with all that it has, and no formatter complains."""

from __future__ import annotations

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import click
import msgspec
import pytest
from click.testing import CliRunner

from manual.commands import pages
from manual.markdown import rendered
from manual.roff import code, filled, inline, verbatim
from tests.docs.test_configuration import defaults
from tests.docs.test_links import ROOT
from watchtower import errors
from watchtower.cli import root
from watchtower.cli.completion_scripts import SCRIPTS

PAGES = list(pages(root, ("watchtower",)))


@pytest.fixture(scope="module")
def manual(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The manual, by the very command of scripts/man."""
    into = tmp_path_factory.mktemp("share")
    script = (ROOT / "scripts" / "man").read_text(encoding="utf-8")
    (line,) = re.findall(r"^exec python (.*) build/share$", script, re.MULTILINE)
    made = subprocess.run(
        [sys.executable, *line.split(), str(into)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    assert made.stdout == f"{len(PAGES) + 1} pages in {into}\n"
    return into / "man"


@cache
def shown(page: Path) -> str:
    """Return a page as it is shown, without fonts."""
    formatted = ["groff", "-man", "-Tutf8", "-P-cbou", "-rLL=200n", str(page)]
    return subprocess.run(formatted, capture_output=True, text=True, check=True).stdout


def read(page: Path) -> str:
    """Return a page as it was written: of its characters two are but shown in place of others."""
    told = shown(page)
    return told.replace("\N{RIGHT SINGLE QUOTATION MARK}", "'").replace("\N{HYPHEN}", "-")


def words(text: str) -> str:
    """Return a text without the signs of Markdown, in one line."""
    return " ".join(text.replace("`", "").split())


def formatted(text: str, tmp_path: Path) -> str:
    """Return what a reader has of a few lines of a page."""
    page = tmp_path / "page.1"  # in a folder of this test, for what was read is remembered
    page.write_text(f'.TH X 1 2026-11-30 "x" "X"\n.nh\n.SH Y\n{text}\n', encoding="ascii")
    return shown(page)


def test_every_command_has_a_page_and_no_other(manual: Path) -> None:
    """Groups as well, for somebody will look for them."""
    assert {page.stem for page in (manual / "man1").iterdir()} == {page.name for page in PAGES}


def test_a_page_has_all_that_its_command_can_be_told(manual: Path) -> None:
    """Options with what they mean, arguments, examples as they can be copied, and its commands."""
    for page in PAGES:
        told = read(manual / "man1" / f"{page.name}.1")
        synopsis = told.partition("SYNOPSIS")[2].partition("DESCRIPTION")[0]
        for parameter in page.command.params:
            if isinstance(parameter, click.Option):
                for name in parameter.opts:
                    assert re.search(rf"^ +(-\w, )?{name}\b", told, re.MULTILINE), name
                assert words(parameter.help or "") in words(told), (page.name, parameter.opts)
            else:
                assert parameter.make_metavar(page.context) in synopsis
        assert words((page.command.help or "").replace("\b\n", "")) in words(told), page.name
        examples = (page.command.epilog or "").partition("Examples:\n")[2].splitlines()
        assert [line for line in examples if line.strip() not in told] == []
        if isinstance(page.command, click.Group):
            for word in page.command.commands:
                assert f"{page.name}-{word}(1)" in told


def test_beside_it_stands_what_shells_complete_by(manual: Path) -> None:
    """As the command prints it."""
    for shell in SCRIPTS:
        printed = CliRunner().invoke(root, ["completion", shell]).stdout
        assert (manual.parent / "completion" / shell).read_text(encoding="utf-8") == printed


def test_no_formatter_complains(manual: Path) -> None:
    """Neither mandoc, of style, nor groff, with every warning on."""
    files = sorted(map(str, manual.rglob("*.[15]")))
    for command in (["mandoc", "-T", "lint"], ["groff", "-ww", "-man", "-Tutf8", "-z"]):
        done = subprocess.run([*command, *files], capture_output=True, text=True, check=False)
        assert done.stdout + done.stderr == ""


def test_every_page_that_a_page_refers_to_is_there(manual: Path) -> None:
    """`man` finds what stands below “see also”."""
    for page in manual.rglob("*.[15]"):
        for name, section in re.findall(r"\b(watchtower[\w.-]*)\((\d)\)", read(page)):
            assert (manual / f"man{section}" / f"{name}.{section}").exists(), (page.name, name)


def test_the_first_page_lists_every_exit_code_and_variable(manual: Path) -> None:
    """Whoever writes a script needs no other document."""
    told = read(manual / "man1" / "watchtower.1")
    codes = {name: getattr(errors, name).exit_code for name in errors.__all__}
    for name, number in codes.items():
        if number == 1:  # the roots of the families, with which no command ends
            continue
        assert re.search(rf"^ +{number} +{name}: ", told, re.MULTILINE), name
    variables = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    for name in re.findall(r"^\| `([A-Z_]+)` \|", variables, re.MULTILINE):
        assert re.search(rf"^ +{name}$", told, re.MULTILINE), name


def test_every_setting_is_in_the_page_of_the_configuration_with_its_default(manual: Path) -> None:
    """As docs/configuration.md has it, from which it is made."""
    told = read(manual / "man5" / "watchtower.toml.5")
    for key, default in defaults():
        found = re.search(rf"^ +{re.escape(key)}(?:\n +| +)(.*)", told, re.MULTILINE)
        assert found, key
        is_told = default is not msgspec.NODEFAULT
        assert found[1].startswith("Default: ") is is_told, key


@pytest.mark.parametrize(
    "text",
    [
        ".so /etc/passwd",
        "'br is a request",
        "a \\n backslash, \\fBfont and \\*string",
        '--an-option `quoted\' "twice" ~/file ^caret',
        "\\",
    ],
)
def test_text_is_never_a_request(tmp_path: Path, text: str) -> None:
    """What stands in a help is shown, whatever it begins with or holds."""
    told = formatted("\n".join(verbatim([text])), tmp_path)

    assert f" {text}\n" in told


def test_what_is_copied_is_spelt_out_for_every_formatter() -> None:
    """Debian's mends the sign of an option by itself; others show one that no shell takes."""
    assert code("--a 'b' `c` ~^\"") == r"\-\-a \(aqb\(aq \(gac\(ga \(ti\(ha\(dq"
    assert code("…") == r"\[u2026]"


def test_prose_keeps_its_words_in_lines_that_are_not_too_long(tmp_path: Path) -> None:
    """A dot that comes to begin a line among them."""
    words = "word .dot 'quote " * 40
    lines = list(filled(inline(words)))

    assert max(map(len, lines)) < 80
    assert formatted("\n".join(lines), tmp_path).split().count(".dot") == 40


def test_a_document_is_told_with_its_tables_lists_and_examples(tmp_path: Path) -> None:
    """As much of Markdown as the documents use."""
    document = (
        "Some `code` and **weight**, [a link](x.md) and [another](https://x.example/y).\n\n"
        "| key | default | means |\n|---|---|---|\n| `a.b` | `1` | one \\| two |\n"
        "| `c` | \N{EN DASH} | d |\n\n"
        '- first\n- second\n\n```toml\nkey = "value"   # why\n```\n\n## More\n\nEnd.\n'
    )
    told = formatted("\n".join(rendered(document)), tmp_path)

    assert "Some code and weight, a link and another (https://x.example/y)." in told
    assert re.search(r"a\.b +Default: 1\. one \| two\n", told)
    assert re.search(r"\n +c +d\n", told)
    assert re.search(r"\S +first\n(.*\n)*.*second\n", told)
    assert '    key = "value"   # why\n' in told
    assert "\nMORE\n" in told
