"""Runs a program as ``python script.py args`` would, in this process, and says how it ended. Imports no torch."""

import builtins
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import runpy
import signal
import sys
import types
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib.abc import Loader, MetaPathFinder
from pathlib import Path
from types import CodeType, ModuleType, TracebackType
from typing import Any, cast

_OURS = os.path.normcase(str(Path(__file__).parent)) + os.sep


class Stop(BaseException):
    """Raised inside the program to end it early (``check``). Not an Exception, so that ordinary handlers let it pass."""


@dataclass(slots=True)
class Ending:
    """How the program ended: its exit code, and the exception if there was one. ``terminated``: a signal from outside ends it."""

    code: int = 0
    error: BaseException | None = None
    stopped: bool = False
    interrupted: bool = False
    terminated: bool = False


class AfterImport(MetaPathFinder):
    """Calls a function right after a module was imported for the first time, whoever imports it."""

    def __init__(self, name: str, call: Callable[[], None]) -> None:
        self.name = name
        self.call = call
        self._busy = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """Find the module as everyone would, and put a loader around the one it has."""
        if fullname != self.name or self._busy:
            return None
        self._busy = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self._busy = False
        if spec is not None and spec.loader is not None:
            spec.loader = _Loader(spec.loader, self)
        return spec


class _Loader(Loader):
    def __init__(self, inner: Any, finder: AfterImport) -> None:
        self.inner = inner
        self.finder = finder

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> ModuleType | None:
        return self.inner.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        spec = module.__spec__
        if spec is not None:
            spec.loader = self.inner
        module.__loader__ = self.inner
        self.inner.exec_module(module)
        if self.finder in sys.meta_path:
            sys.meta_path.remove(self.finder)
        self.finder.call()


class CannotStart(Exception):
    """The target cannot be run at all; the message says why."""


def _main_code(target: str, *, is_module: bool) -> tuple[CodeType, dict[str, Any]]:
    """The code of a script, a folder or zip with ``__main__.py``, or a module, and what ``__main__`` knows of itself."""
    if is_module:
        try:
            found = runpy._get_module_details(target)  # type: ignore[attr-defined]  # pyright: ignore
        except ImportError as error:
            raise CannotStart(str(error)) from error
        _, spec, code = cast("tuple[str, Any, CodeType]", found)
        return code, {
            "__file__": spec.origin, "__spec__": spec, "__package__": spec.parent, "__loader__": spec.loader, "__cached__": spec.cached,
        }  # fmt: skip
    if Path(target).is_dir() or target.endswith((".zip", ".pyz")):
        sys.path.insert(0, target)
        return _main_of_folder(target)
    path = os.path.abspath(target)  # noqa: PTH100 - like the interpreter: symbolic links stay in __file__
    try:
        with io.open_code(path) as file:
            source = file.read()
    except OSError as error:
        raise CannotStart(f"{target} cannot be read: {error.strerror or error}") from error
    code = compile(source, path, "exec", dont_inherit=True)
    loader = importlib.machinery.SourceFileLoader("__main__", path)
    return code, {
        "__file__": path,
        "__spec__": None,
        "__package__": None,
        "__loader__": loader,
        "__cached__": None,
    }


def _main_of_folder(target: str) -> tuple[CodeType, dict[str, Any]]:
    """The ``__main__.py`` of a folder or zip that is first on the path; the ``__main__`` that runs now is not meant."""
    running = sys.modules.pop("__main__")
    try:
        return _main_code("__main__", is_module=True)
    except CannotStart as error:
        raise CannotStart(f"{target} holds no __main__.py to run") from error
    finally:
        sys.modules["__main__"] = running


def run(
    target: str,
    argv: Sequence[str],
    *,
    is_module: bool,
    expected: Callable[[], bool] = lambda: False,
) -> Ending:
    """Run the program to its end.

    Args:
        target: script, folder, zip or module.
        argv: the program's own arguments.
        is_module: whether the target is a module (``-m``).
        expected: asked when an exception ends the program: whether it may be of our own doing, so that no traceback is printed.

    Raises:
        CannotStart: there is nothing to run.
    """
    sys.argv = [target, *argv]
    if is_module:
        sys.path[0:0] = [str(Path.cwd())] if sys.path[0] != str(Path.cwd()) else []
    else:
        sys.path[0:1] = [str(Path(target).resolve().parent)]
    try:
        code, known = _main_code(target, is_module=is_module)
    except (SyntaxError, ValueError) as error:
        error.__context__ = None
        _print(error)
        return Ending(code=1, error=error)
    main = types.ModuleType("__main__")
    vars(main).update(known, __builtins__=builtins)
    if known["__file__"] and is_module:
        sys.argv[0] = str(known["__file__"])
    sys.modules["__main__"] = main
    return _execute(code, vars(main), expected)


def _execute(code: CodeType, namespace: dict[str, Any], expected: Callable[[], bool]) -> Ending:
    try:
        exec(code, namespace)  # noqa: S102 - this is what running a script is
    except Stop:
        return Ending(stopped=True)
    except SystemExit as error:
        return Ending(code=_exit_code(error))
    except KeyboardInterrupt as error:
        _print(error)
        return Ending(code=130, error=error, interrupted=True)
    except BaseException as error:
        if not expected():
            _print(error)
        return Ending(code=1, error=error)
    return Ending()


def _exit_code(error: SystemExit) -> int:
    if error.code is None:
        return 0
    if isinstance(error.code, int):
        return error.code & 0xFF
    print(error.code, file=sys.stderr)  # noqa: T201 - as the interpreter does
    return 1


def _print(error: BaseException) -> None:
    """Print the traceback as the interpreter would, without our own frames."""
    _clean(error, set())
    with contextlib.suppress(AttributeError, OSError, ValueError):
        sys.stdout.flush()
    sys.excepthook(type(error), error, error.__traceback__)


def _clean(error: BaseException, seen: set[int]) -> None:
    """Take our frames out of the traceback of an exception and of all that it came from."""
    if id(error) in seen:
        return
    seen.add(id(error))
    error.__traceback__ = without_ours(error.__traceback__)
    members: Any = getattr(error, "exceptions", ()) if isinstance(error, Exception) else ()
    group = cast("tuple[object, ...]", members) if isinstance(members, tuple) else ()
    for inner in (error.__cause__, error.__context__, *group):
        if isinstance(inner, BaseException):
            _clean(inner, seen)


def without_ours(trace: TracebackType | None) -> TracebackType | None:
    """A traceback without the frames of netwright."""
    frames: list[TracebackType] = []
    while trace is not None:
        if not os.path.normcase(trace.tb_frame.f_code.co_filename).startswith(_OURS):
            frames.append(trace)
        trace = trace.tb_next
    made: TracebackType | None = None
    for frame in reversed(frames):
        made = TracebackType(made, frame.tb_frame, frame.tb_lasti, frame.tb_lineno)
    return made


@contextlib.contextmanager
def before_termination(call: Callable[[str], None]) -> Iterator[None]:
    """Inside, a signal that ends the process (SIGTERM, SIGHUP) calls ``call`` with its name first. The process ends by that signal all the same, at once.

    Only where the program's process has the default handling, and only in this process: a child made by a fork ends as it would.
    """
    process = os.getpid()
    ours: list[signal.Signals] = []

    def handle(number: int, _: object) -> None:
        signal.signal(number, signal.SIG_DFL)
        if os.getpid() == process:
            call(signal.Signals(number).name)
        os.kill(os.getpid(), number)

    for name in ("SIGTERM", "SIGHUP"):
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) is signal.SIG_DFL:
            with contextlib.suppress(ValueError):  # not in the main thread
                signal.signal(number, handle)
                ours.append(number)
    try:
        yield
    finally:
        for number in ours:
            if signal.getsignal(number) is handle:
                signal.signal(number, signal.SIG_DFL)


def interrupt_self() -> None:
    """End the way a program that was interrupted ends: by the signal."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    os.kill(os.getpid(), signal.SIGINT)
