"""The files of the page keep its promises: no build step, nothing foreign, no markup made from strings."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

WEBUI = Path(__file__).resolve().parents[2] / "webui"
MODULES = sorted((WEBUI / "js").rglob("*.js"))
STYLES = sorted((WEBUI / "css").glob("*.css"))

# Everything that turns a string into markup or script.
SINKS = re.compile(
    r"\b(innerHTML|outerHTML|insertAdjacentHTML|setHTMLUnsafe|createContextualFragment|DOMParser|document\.write"
    r"|eval|new Function|srcdoc)\b|javascript:|set(?:Timeout|Interval)\(\s*[\"'`]"
)
FOREIGN = re.compile(r"(?:https?:)?//[a-z0-9.-]+\.[a-z]{2,}", re.IGNORECASE)
IMPORT = re.compile(r"""^import [^;]*?from "([^"]+)";""", re.MULTILINE)
SVG_NAMESPACE = "http://www.w3.org/2000/svg"


def _name(path: Path) -> str:
    return path.relative_to(WEBUI).as_posix()


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_makes_no_markup_from_strings_and_is_not_long(path: Path) -> None:
    source = path.read_text()
    assert SINKS.search(source) is None
    assert len(source.splitlines()) <= 300


@pytest.mark.parametrize("path", MODULES, ids=_name)
def test_a_module_imports_only_modules_that_are_there(path: Path) -> None:
    for target in IMPORT.findall(path.read_text()):
        assert target.startswith("."), f"{target} is not one of ours"
        assert (path.parent / target).resolve() in MODULES


def test_every_module_is_used() -> None:
    used = {
        (path.parent / target).resolve() for path in MODULES for target in IMPORT.findall(path.read_text())
    }
    types_only = {WEBUI / "js" / "types.js"}
    assert set(MODULES) - used - types_only == {WEBUI / "js" / "main.js"}


@pytest.mark.parametrize("path", [*MODULES, *STYLES, WEBUI / "index.html", WEBUI / "favicon.svg"], ids=_name)
def test_a_file_names_no_other_host(path: Path) -> None:
    assert FOREIGN.findall(path.read_text().replace(SVG_NAMESPACE, "")) == []


def test_the_document_has_no_inline_script_or_style_and_names_files_that_are_there() -> None:
    document = (WEBUI / "index.html").read_text()
    assert re.search(r"<style|\sstyle=|\son\w+=", document) is None
    assert re.findall(r"<script(?![^>]*\ssrc=)", document) == []
    named = re.findall(r'(?:src|href)="/static/([^"]+)"', document)
    assert {WEBUI / name for name in named} >= {*STYLES, WEBUI / "js" / "main.js"}
    assert all((WEBUI / name).is_file() for name in named)
