"""Programs as people write them, mended at a line, without being run."""

from pathlib import Path
from textwrap import dedent

from netwright.evidence import Where
from netwright.registry import find_rule
from netwright.remedies import Source, all_remedies


def line_of(text, mark):
    """The number of the first line that holds a piece of text."""
    return next(i for i, line in enumerate(text.split("\n"), 1) if mark in line)


def mended(name, code, text, mark, *, also=(), message="", expected="", fix="", module=None, **measured):
    """The program after one remedy, for a finding at the line that holds ``mark``."""
    text = dedent(text)
    (remedy,) = [r for r in all_remedies() if r.name == name]
    finding = find_rule(code).found(
        message,
        where=Where(file="train.py", line=line_of(text, mark), module=module),
        also=[Where(file="train.py", line=line_of(text, m)) for m in also],
        expected=expected,
        fix=fix,
        **measured,
    )
    return remedy.apply(finding, Source(Path("train.py"), text)).after


def changed(before, after):
    """Lines that came, in order, without those that stayed."""
    old = [line.strip() for line in dedent(before).split("\n")]
    return [line.strip() for line in after.split("\n") if line.strip() not in old]
