"""A program's text and syntax tree, edited in place: what is not touched keeps its bytes, and the lines of the fault are known.

An operator asks for nodes (`calls`, `losses`, `training_loop`...), then edits them. Edits are noted as spans of the original text and
applied at once by `mutant()`, so that one edit never moves the place of another.
"""

from __future__ import annotations

import ast
import contextlib
import dataclasses
import functools
from collections.abc import Iterable, Iterator
from typing import TypeVar

N = TypeVar("N", bound=ast.AST)


class DoesNotApply(Exception):
    """The program has no place where this fault could be planted; the message says what was looked for."""


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Mutant:
    """An edited program and the lines, counted in the edited text from 1, where a finding may rightly point."""

    text: str
    lines: tuple[int, ...]


@dataclasses.dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """What one training iteration works on: the names of inputs and targets, and the statement after which both are there."""

    inputs: str
    targets: str
    first: ast.stmt  # first statement of the iteration that may use them


@dataclasses.dataclass(frozen=True, slots=True)
class _Edit:
    start: int
    end: int
    text: str
    fault: bool


def called(node: ast.expr) -> str:
    """The last name of what is called: `cross_entropy` of `torch.nn.functional.cross_entropy(...)`."""
    if isinstance(node, ast.Call):
        node = node.func
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


@functools.lru_cache(maxsize=256)
def _parsed(text: str) -> tuple[ast.Module, dict[ast.AST, ast.AST], list[ast.AST]]:
    """The tree, the parent of every node, and all nodes that have a place in the text, in its order. None of it is ever changed."""
    tree = ast.parse(text)
    parents = {child: node for node in ast.walk(tree) for child in ast.iter_child_nodes(node)}
    placed = [node for node in ast.walk(tree) if hasattr(node, "lineno")]
    return tree, parents, sorted(placed, key=lambda node: (node.lineno, node.col_offset))  # type: ignore[attr-defined]


class Source:
    """One program under edit."""

    def __init__(self, text: str, *, task: str = "") -> None:
        self.text = text
        self.task = task
        self.tree, self._parents, self._order = _parsed(text)
        encoded = text.encode()
        self._encoded = encoded
        self._starts = [0]
        for line in encoded.splitlines(keepends=True):
            self._starts.append(self._starts[-1] + len(line))
        self._edits: list[_Edit] = []

    # Looking

    def nodes(self, kind: type[N], within: ast.AST | None = None) -> list[N]:
        """All nodes of a kind, in the order of the text."""
        if within is None:
            return [node for node in self._order if isinstance(node, kind)]
        inside = set(ast.walk(within))
        return [node for node in self._order if isinstance(node, kind) and node in inside]

    def calls(self, *names: str, within: ast.AST | None = None) -> list[ast.Call]:
        """Calls whose last name is one of these, in the order of the text."""
        return [node for node in self.nodes(ast.Call, within) if called(node) in names]

    def parent(self, node: ast.AST) -> ast.AST:
        """The node that holds this one."""
        return self._parents[node]

    def ancestors(self, node: ast.AST) -> Iterator[ast.AST]:
        """The nodes around this one, innermost first."""
        while node in self._parents:
            node = self._parents[node]
            yield node

    def statement(self, node: ast.AST) -> ast.stmt:
        """The statement that holds this node."""
        if isinstance(node, ast.stmt):
            return node
        return next(above for above in self.ancestors(node) if isinstance(above, ast.stmt))

    def code(self, node: ast.AST) -> str:
        """The text of a node."""
        start, end = self._span(node)
        return self._encoded[start:end].decode()

    def expression_statements(self, *names: str) -> list[ast.stmt]:
        """Statements that are nothing but a call of one of these, such as `optimizer.zero_grad()`."""
        found = [self.parent(call) for call in self.calls(*names)]
        return [statement for statement in found if isinstance(statement, ast.Expr)]

    def constructed(self, *names: str) -> dict[str, ast.Call]:
        """What is bound to a new object of these classes: the code of the target → the call."""
        found: dict[str, ast.Call] = {}
        for call in self.calls(*names):
            above = self.parent(call)
            if isinstance(above, ast.Assign) and len(above.targets) == 1:
                found[self.code(above.targets[0])] = call
        return found

    def losses(self, functions: Iterable[str], modules: Iterable[str]) -> list[ast.Call]:
        """Calls of a loss on predictions and targets, whether as a function or as a module built elsewhere."""
        found = [call for call in self.calls(*functions) if len(call.args) >= 2]
        built = self.constructed(*modules)
        names = set(built) | {name.rpartition(".")[2] for name in built}
        for call in self.nodes(ast.Call):
            direct = isinstance(call.func, ast.Call) and called(call.func) in modules
            named = isinstance(call.func, ast.Name | ast.Attribute) and self.code(call.func) in names
            if (direct or named) and len(call.args) >= 2:
                found.append(call)
        return found

    def backward(self) -> ast.stmt:
        """The only (or else the last) `loss.backward()` of the program: training of the network that is judged comes last."""
        found = self.expression_statements("backward")
        if not found:
            raise DoesNotApply("no statement calls backward()")
        return found[-1]

    def loss_name(self) -> str:
        """The variable that `backward` is called on."""
        statement = self.backward()
        assert isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Call)
        function = statement.value.func
        if isinstance(function, ast.Attribute) and isinstance(function.value, ast.Name):
            return function.value.id
        raise DoesNotApply("backward() is not called on a variable")

    def training_loop(self) -> ast.For | ast.While:
        """The innermost loop around `backward`."""
        for above in self.ancestors(self.backward()):
            if isinstance(above, ast.For | ast.While):
                return above
            if isinstance(above, ast.FunctionDef | ast.AsyncFunctionDef):
                break
        raise DoesNotApply("backward() stands in no loop")

    def batch(self) -> Batch:
        """The names of inputs and targets in the training loop."""
        loop = self.training_loop()
        if isinstance(loop, ast.For):
            pair = loop.target
            if isinstance(pair, ast.Tuple) and isinstance(pair.elts[-1], ast.Tuple):  # enumerate
                pair = pair.elts[-1]
            names = pair.elts if isinstance(pair, ast.Tuple) else []
            counted = called(loop.iter) == "enumerate" and pair is loop.target  # a number and a batch
            if len(names) == 2 and all(isinstance(name, ast.Name) for name in names) and not counted:
                return Batch(inputs=self.code(names[0]), targets=self.code(names[1]), first=loop.body[0])
        for at, statement in enumerate(loop.body[:-1]):
            names = _drawn(statement)
            if len(names) == 2:
                return Batch(inputs=names[0], targets=names[1], first=loop.body[at + 1])
            following = _drawn(loop.body[at + 1])
            if len(names) == len(following) == 1 and at + 2 < len(loop.body):
                return Batch(inputs=names[0], targets=following[0], first=loop.body[at + 2])
        raise DoesNotApply("no pair of inputs and targets in the training loop")

    def network(self) -> ast.ClassDef | ast.Call:
        """The network that is trained last: its class with `forward`, or the `nn.Sequential` it is."""
        classes = {
            node.name: node
            for node in self.nodes(ast.ClassDef)
            if any(isinstance(part, ast.FunctionDef) and part.name == "forward" for part in node.body)
        }
        built = [
            call
            for call in self.calls(*classes)
            if not any(isinstance(a, ast.ClassDef) for a in self.ancestors(call))
        ]
        if built:
            return classes[called(built[-1])]
        sequentials = [
            call
            for call in self.calls("Sequential")
            if not any(isinstance(a, ast.ClassDef) for a in self.ancestors(call))
        ]
        if sequentials:
            return sequentials[-1]
        raise DoesNotApply("no network: neither a class with forward nor an nn.Sequential")

    def models(self) -> list[ast.Assign]:
        """Statements that build the network that is trained, such as `model = Net().to(device)`, in the order of the text."""
        network = self.network()
        if isinstance(network, ast.Call):
            statements = [self.statement(network)]
        else:
            statements = [self.statement(call) for call in self.calls(network.name)]
        found = [
            s
            for s in statements
            if isinstance(s, ast.Assign) and isinstance(s.targets[0], ast.Name | ast.Attribute)
        ]
        outside = [
            s
            for s in found
            if not any(isinstance(a, ast.ClassDef) and a is network for a in self.ancestors(s))
        ]
        if not outside:
            raise DoesNotApply("the network is not assigned to a variable")
        return outside

    def forward(self) -> ast.FunctionDef:
        """The `forward` of the network's class."""
        network = self.network()
        if isinstance(network, ast.Call):
            raise DoesNotApply("the network is a plain nn.Sequential")
        return next(p for p in network.body if isinstance(p, ast.FunctionDef) and p.name == "forward")

    def output(self) -> ast.expr:
        """What the network gives: the expression its `forward` returns, or the last layer of its `nn.Sequential`."""
        network = self.network()
        if isinstance(network, ast.Call):
            last = network.args[-1] if network.args else None
            if last is None or isinstance(last, ast.Starred):
                raise DoesNotApply("the layers of nn.Sequential are not written out")
            return last
        returns = self.nodes(ast.Return, self.forward())
        if not returns or returns[-1].value is None or isinstance(returns[-1].value, ast.Tuple | ast.Dict):
            raise DoesNotApply("forward does not return one expression")
        return returns[-1].value

    def doors(self) -> list[ast.Call]:
        """Calls of the network: the lines where data enters it."""
        names = {"model", "net", "network", "self.model", "self.net"}
        with contextlib.suppress(DoesNotApply):
            names |= {self.code(statement.targets[0]) for statement in self.models()}
        return [call for call in self.nodes(ast.Call) if self.code(call.func) in names]

    # Editing

    def replace(self, node: ast.AST, text: str, *, fault: bool = True) -> None:
        """Another text in the place of a node."""
        start, end = self._span(node)
        self._edits.append(_Edit(start, end, text, fault))

    def wrap(self, node: ast.AST, pattern: str) -> None:
        """A node within other text: `wrap(x, "torch.relu({})")`."""
        code = self.code(node)
        if isinstance(
            node, ast.BinOp | ast.UnaryOp | ast.IfExp | ast.Compare | ast.BoolOp | ast.Lambda | ast.Tuple
        ):
            code = f"({code})"
        self.replace(node, pattern.format(code))

    def delete(self, statement: ast.stmt) -> None:
        """Take a statement away; the statements around it count as the place of the fault."""
        block = next(
            value
            for _, value in ast.iter_fields(self.parent(statement))
            if isinstance(value, list) and statement in value
        )
        if len(block) == 1:
            self.replace(statement, "pass")
            return
        start, end = self._span(statement)
        while self._encoded[start - 1 : start] in (b" ", b"\t"):
            start -= 1
        if self._encoded[end : end + 1] == b"\n":
            end += 1
        self._edits.append(_Edit(start, end, "", True))

    def before(self, statement: ast.stmt, *lines: str, fault: bool = True) -> None:
        """New lines before a statement, indented as it is."""
        start, _ = self._span(statement)
        indent = " " * statement.col_offset
        text = "".join(f"{line}\n{indent}" for line in lines)
        self._edits.append(_Edit(start, start, text, fault))

    def after(self, statement: ast.stmt, *lines: str, fault: bool = True) -> None:
        """New lines after a statement, indented as it is."""
        _, end = self._span(statement)
        indent = " " * statement.col_offset
        text = "".join(f"\n{indent}{line}" for line in lines)
        self._edits.append(_Edit(end, end, text, fault))

    def argument(self, call: ast.Call, name: str, value: str) -> None:
        """Set a keyword argument, whether it is there already or not."""
        for keyword in call.keywords:
            if keyword.arg == name:
                self.replace(keyword.value, value)
                return
        _, end = self._span(call)
        written = call.args or call.keywords
        inside = self._encoded[: end - 1].decode().rstrip()
        comma = ", " if written and not inside.endswith(",") else ""
        self._edits.append(_Edit(end - 1, end - 1, f"{comma}{name}={value}", True))

    def mark(self, node: ast.AST) -> None:
        """A place that stays as it is and where a finding may rightly point all the same."""
        start, _ = self._span(node)
        self._edits.append(_Edit(start, start, "", True))

    def imported(self, line: str) -> None:
        """Make sure that a module is imported: `imported("import copy")` adds the line unless it stands there."""
        if line not in self.text.splitlines():
            first = next(
                n
                for n in self.tree.body
                if isinstance(n, ast.Import | ast.ImportFrom) and "__future__" not in self.code(n)
            )
            self.before(first, line, fault=False)

    def mutant(self) -> Mutant:
        """The edited program. Raises DoesNotApply when nothing was changed, or when what came out cannot be parsed."""
        out = bytearray()
        lines: set[int] = set()
        position = 0
        for edit in sorted(self._edits, key=lambda edit: (edit.start, edit.end)):
            if edit.start < position:
                raise DoesNotApply("two edits overlap")
            out += self._encoded[position : edit.start]
            first = out.count(b"\n") + 1
            lead = len(edit.text) - len(edit.text.lstrip("\n"))
            out += edit.text.encode()
            if edit.fault:
                body = edit.text.strip("\n ")
                lines |= set(range(first + lead, first + lead + body.count("\n") + 1))
                if not edit.text and edit.end > edit.start:  # a deletion: the lines around the gap
                    lines |= {first - 1, first}
            position = edit.end
        out += self._encoded[position:]
        text = out.decode()
        if text == self.text:
            raise DoesNotApply("nothing to change")
        try:
            ast.parse(text)
        except SyntaxError as error:
            raise DoesNotApply(f"the edited text is no program: {error}") from None
        return Mutant(text=text, lines=tuple(sorted(lines)))

    def _span(self, node: ast.AST) -> tuple[int, int]:
        assert isinstance(node, ast.expr | ast.stmt | ast.keyword)
        assert node.end_lineno is not None and node.end_col_offset is not None
        return self._starts[node.lineno - 1] + node.col_offset, self._starts[
            node.end_lineno - 1
        ] + node.end_col_offset


def _drawn(statement: ast.stmt) -> list[str]:
    """The variables that a statement fills with a batch: `xb, yb = x[i], y[i]`, `xb = x[i]`, `xb, yb = get_batch()`."""
    if not isinstance(statement, ast.Assign) or len(statement.targets) != 1:
        return []
    target, value = statement.targets[0], statement.value
    names = target.elts if isinstance(target, ast.Tuple) else [target]
    if not all(isinstance(name, ast.Name) for name in names):
        return []
    parts = value.elts if isinstance(value, ast.Tuple) else [value]
    indexed = len(parts) == len(names) and all(_is_indexed(part) for part in parts)
    sampled = isinstance(value, ast.Call) and any(
        word in called(value) for word in ("batch", "next", "sample")
    )
    return [name.id for name in names if isinstance(name, ast.Name)] if indexed or sampled else []


def _is_indexed(node: ast.expr) -> bool:
    while isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):  # x[i].to(device)
        node = node.func.value
    return isinstance(node, ast.Subscript) and not isinstance(node.slice, ast.Constant)
