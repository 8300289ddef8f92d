"""The pages that are generated are up to date, and links in pages lead somewhere."""

import importlib.util
import re
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "CHANGELOG.md")] + sorted(
    (ROOT / "docs").rglob("*.md")
)


def make_docs():
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "tools" / "make_docs.py")
    assert spec is not None
    assert spec.loader is not None
    path = list(sys.path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path[:] = path
    return module


def test_generated_pages_are_up_to_date():
    made = make_docs().pages()
    stale = [p.name for p, text in made.items() if not p.is_file() or p.read_text(encoding="utf-8") != text]
    gone = [p.name for p in (ROOT / "docs" / "rules").glob("*.md") if p not in made]
    assert (stale, gone) == ([], []), "run: make docs"


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL)
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if not link.startswith(("http://", "https://")):
            assert (page.parent / link).exists(), link


def test_code_of_a_diff_has_no_marks(tmp_path):
    program = tmp_path / "bad.py"
    program.write_text("# also: NW301\nx = 1  # [NW302]\ny = 2  # stays\n")
    assert make_docs().code_lines(program) == ["x = 1", "y = 2  # stays"]
