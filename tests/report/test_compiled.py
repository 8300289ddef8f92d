import sys
from pathlib import Path
from typing import Any

import pytest
from jinja2 import DictLoader, Environment

from netwright.report.compiled import CompiledTemplates


@pytest.fixture
def bytecode(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sys, "pycache_prefix", str(tmp_path))
    monkeypatch.setattr(sys, "dont_write_bytecode", False)
    folder = Path(CompiledTemplates().directory)
    assert tmp_path in folder.parents
    folder.mkdir(parents=True)  # Python made it with the package's own modules
    return folder


def environment(source: str) -> Environment:
    return Environment(loader=DictLoader({"page": source}), bytecode_cache=CompiledTemplates())


def page(source: str) -> str:
    return environment(source).get_template("page").render(n=3)


def test_the_next_process_does_not_compile_again(bytecode: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert page("{{ n }} rules") == "3 rules"
    assert len(list(bytecode.glob("template_*"))) == 1

    def compile_again(*_args: Any, **_kwargs: Any) -> None:
        raise AssertionError("compiled again")

    monkeypatch.setattr(Environment, "_generate", compile_again)
    assert page("{{ n }} rules") == "3 rules"
    with pytest.raises(AssertionError, match="compiled again"):
        page("{{ n }} findings")  # another text, under the same name


def test_nothing_is_written_where_python_writes_nothing(
    bytecode: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    assert page("{{ n }} rules") == "3 rules"
    assert not list(bytecode.iterdir())


def test_a_folder_that_cannot_be_used_is_passed_over(bytecode: Path) -> None:
    bytecode.rmdir()
    bytecode.write_text("a file where the folder should be")
    assert page("{{ n }} rules") == "3 rules"
