"""A program's source as a tree that knows where each part stands, and changes to it that leave everything else as it was typed."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import libcst as cst
from libcst.metadata import MetadataWrapper, ParentNodeProvider, PositionProvider

_LINE_END = re.compile(r"\r\n|\n|\r")
N = TypeVar("N", bound=cst.CSTNode)


class Refused(Exception):
    """A remedy does not hold here. The message says what it assumes and did not find."""


@dataclass(frozen=True, slots=True, order=True)
class Change:
    """Text from ``start`` to ``end`` (offsets in characters) becomes ``text``."""

    start: int
    end: int
    text: str


class Source:
    """One file.

    Raises:
        Refused: the file cannot be read or is no Python that the parser knows.
    """

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.path = path
        try:
            # Bytes, so that line ends stay as they are.
            self.text = path.read_bytes().decode("utf-8") if text is None else text
            wrapper = MetadataWrapper(cst.parse_module(self.text), unsafe_skip_copy=True)
        except (OSError, UnicodeDecodeError, cst.ParserSyntaxError) as error:
            raise Refused(f"{path.name} could not be read as Python: {type(error).__name__}") from error
        self.module = wrapper.module
        self._positions = wrapper.resolve(PositionProvider)
        self._parents = wrapper.resolve(ParentNodeProvider)
        # The parser's line ends; str.splitlines() knows more of them.
        self._starts = [0, *(m.end() for m in _LINE_END.finditer(self.text))]

    # -- looking -----------------------------------------------------------------------------------------------------------------

    def line_of(self, node: cst.CSTNode) -> int:
        """The line on which a node begins."""
        return self._positions[node].start.line

    def last_line_of(self, node: cst.CSTNode) -> int:
        """The line on which a node ends."""
        return self._positions[node].end.line

    def parent(self, node: cst.CSTNode) -> cst.CSTNode | None:
        """What a node stands in."""
        return self._parents.get(node)

    def above(self, node: cst.CSTNode, kind: type[N]) -> N | None:
        """The nearest enclosing node of a kind."""
        here = self.parent(node)
        while here is not None and not isinstance(here, kind):
            here = self.parent(here)
        return here

    def every(self, kind: type[N], inside: cst.CSTNode | None = None) -> Iterator[N]:
        """All nodes of a kind, in the order of the text."""
        todo: list[cst.CSTNode] = [inside or self.module]
        found: list[N] = []
        while todo:
            node = todo.pop()
            if isinstance(node, kind) and node in self._positions:
                found.append(node)
            todo.extend(node.children)
        yield from sorted(found, key=lambda n: self.span(n))

    def at(self, kind: type[N], line: int) -> list[N]:
        """Nodes of a kind that begin on a line or, if there are none, that cover it within one statement; innermost last."""
        nodes = list(self.every(kind))
        exact = [n for n in nodes if self.line_of(n) == line]
        return exact or [n for n in nodes if self.line_of(n) <= line <= self.last_line_of(n)]

    def code(self, node: cst.CSTNode) -> str:
        """The text of a node as it was typed."""
        start, end = self.span(node)
        return self.text[start:end]

    def line_code(self, statement: cst.CSTNode) -> str:
        """The text of a statement with the comment behind it."""
        start, end = self.span(statement)
        return self.text[start:end] + _LINE_END.split(self.text[end:], maxsplit=1)[0].rstrip()

    def span(self, node: cst.CSTNode) -> tuple[int, int]:
        """Offsets of a node's first character and of the one after its last."""
        where = self._positions[node]
        return self._offset(where.start.line, where.start.column), self._offset(
            where.end.line, where.end.column
        )

    def _offset(self, line: int, column: int) -> int:
        return self._starts[line - 1] + column

    def statement(self, line: int) -> cst.SimpleStatementLine | cst.BaseCompoundStatement:
        """The innermost statement on a line.

        Raises:
            Refused: there is none.
        """
        found = [
            s
            for kind in (cst.SimpleStatementLine, cst.BaseCompoundStatement)
            for s in self.every(kind)
            if self.line_of(s) <= line <= self.last_line_of(s)
        ]
        if not found:
            raise Refused(f"no statement stands on line {line}")
        return min(found, key=lambda s: self.last_line_of(s) - self.line_of(s))

    def statement_of(self, node: cst.CSTNode) -> cst.SimpleStatementLine | cst.BaseCompoundStatement:
        """The statement that a node belongs to."""
        return self.statement(self.line_of(node))

    def siblings(self, statement: cst.CSTNode) -> list[cst.CSTNode]:
        """The statements of the block that a statement stands in, itself included."""
        block = self.parent(statement)
        return list(getattr(block, "body", [statement]))

    # -- changing ----------------------------------------------------------------------------------------------------------------

    def replace(self, node: cst.CSTNode, text: str) -> Change:
        """Put something else where a node stands."""
        return Change(*self.span(node), text)

    def indent(self, node: cst.CSTNode) -> str:
        """What stands before the first character of a node's line."""
        start = self._starts[self.line_of(node) - 1]
        return self.text[start : self.span(node)[0]]

    @property
    def newline(self) -> str:
        """The line end of the file."""
        return "\r\n" if "\r\n" in self.text else "\n"

    def before(self, node: cst.CSTNode, *lines: str) -> Change:
        """Put lines before a statement, indented as it is."""
        return self._lines(self._starts[self.line_of(node) - 1], self.indent(node), lines)

    def after(self, node: cst.CSTNode, *lines: str) -> Change:
        """Put lines after a statement, indented as it is."""
        return self._lines(self._line_after(node), self.indent(node), lines)

    def _line_after(self, node: cst.CSTNode) -> int:
        last = self.last_line_of(node)
        return self._starts[last] if last < len(self._starts) else len(self.text)

    def _lines(self, offset: int, indent: str, lines: Iterable[str]) -> Change:
        text = "".join(indent + line + self.newline for line in lines)
        if offset == len(self.text) and not self.text.endswith(("\n", "\r")):
            text = self.newline + text
        return Change(offset, offset, text)

    def delete(self, node: cst.CSTNode, *, passes: bool | None = None) -> Change:
        """Take a statement out with its lines; ``pass`` stays where its block would be empty (or where it is told to stay, because others go as well)."""
        start, end = self._starts[self.line_of(node) - 1], self._line_after(node)
        alone = len(self.siblings(node)) == 1 if passes is None else passes
        if alone and not isinstance(self.parent(node), cst.Module):
            return Change(start, end, self.indent(node) + "pass" + self.newline)
        return Change(start, end, "")

    def argument(self, call: cst.Call, keyword: str, position: int | None = None) -> cst.Arg | None:
        """An argument of a call by name, or by position where it may be given so."""
        for index, argument in enumerate(call.args):
            if argument.keyword is not None and argument.keyword.value == keyword:
                return argument
            if argument.keyword is None and not argument.star and index == position:
                return argument
        return None

    def set_argument(self, call: cst.Call, keyword: str, value: str, position: int | None = None) -> Change:
        """Give an argument another value, or add it."""
        there = self.argument(call, keyword, position)
        if there is not None:
            return self.replace(there.value, value)
        _, end = self.span(call)
        close = self.text.rindex(")", 0, end)
        inner = self.text[:close].rstrip()
        lead = "" if not call.args else " " if inner.endswith(",") else ", "
        return Change(len(inner), len(inner), f"{lead}{keyword}={value}")

    def drop_argument(self, call: cst.Call, argument: cst.Arg) -> Change:
        """Take an argument out of a call, with the comma that goes with it."""
        index = list(call.args).index(argument)
        start, end = self.span(argument)
        if index + 1 < len(call.args):
            return Change(start, self.span(call.args[index + 1])[0], "")
        if index:
            return Change(self.span(call.args[index - 1])[1], end, "")
        return Change(start, end, "")

    def moved(self, line: int, changes: Iterable[Change]) -> int:
        """Where a line stands after changes."""
        start = self._starts[line - 1]
        before = [c for c in changes if c.end <= start]
        return line + sum(c.text.count("\n") - self.text[c.start : c.end].count("\n") for c in before)

    def changed(self, changes: Iterable[Change]) -> str:
        """The text with changes made.

        Raises:
            Refused: two changes overlap, or what comes out is no Python.
        """
        text, limit = self.text, len(self.text) + 1
        for change in sorted(set(changes), reverse=True):
            if change.end > limit:
                raise Refused("two changes meet at the same place")
            text = text[: change.start] + change.text + text[change.end :]
            limit = change.start
        try:
            compile(text, str(self.path), "exec", dont_inherit=True)
        except (SyntaxError, ValueError) as error:
            raise Refused(f"the change does not give a valid program: {error}") from error
        return text


def name_of(node: cst.CSTNode) -> str:
    """A dotted name as it is written: ``torch.optim.SGD``; empty for anything else."""
    match node:
        case cst.Name():
            return node.value
        case cst.Attribute():
            front = name_of(node.value)
            return f"{front}.{node.attr.value}" if front else ""
        case _:
            return ""


def last_name(node: cst.CSTNode) -> str:
    """The last part of a name or an attribute, also where what stands before the dot is no name: ``backward`` of ``f(x).backward``."""
    match node:
        case cst.Name():
            return node.value
        case cst.Attribute():
            return node.attr.value
        case _:
            return ""


def called(source: Source, line: int, *names: str) -> list[cst.Call]:
    """Calls on a line whose last name is one of those given (all, without names), outermost first."""
    return [c for c in source.at(cst.Call, line) if not names or last_name(c.func) in names]
