"""Finds the user's own line on the call stack: not torch's, not a library's, not ours."""

import linecache
import os
import sys
import sysconfig
from types import CodeType, FrameType

from ..evidence import NOWHERE, Where

_OURS = os.path.normcase(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))) + os.sep
_LIBRARIES = (
    *(os.path.normcase(os.path.abspath(sysconfig.get_paths()[k])) + os.sep for k in ("stdlib", "platstdlib")),
    _OURS,
)
_MARKERS = (f"{os.sep}site-packages{os.sep}", f"{os.sep}dist-packages{os.sep}")
_WRAPPERS = frozenset(
    "wrapper _no_grad_wrapper decorate_context _wrapped_call_impl _call_impl __call__ __torch_function__ "
    "_use_grad profile_hook_step inner _fn wrapped handle_torch_function".split()
)

_user_files: dict[str, bool] = {}
_optimizers: dict[str, bool] = {}
_wheres: dict[tuple[str, CodeType, int], Where] = {}
_user_roots: list[str] = []


def add_user_root(folder: str) -> None:
    """Treat files below a folder as the user's own even if it lies among installed libraries."""
    _user_roots.append(os.path.normcase(os.path.abspath(folder)) + os.sep)
    _user_files.clear()


def is_user_file(filename: str) -> bool:
    """Whether a source file belongs to the user."""
    if filename.startswith("<"):
        return filename.startswith(("<ipython-input", "<stdin"))
    path = os.path.normcase(os.path.abspath(filename))
    if any(path.startswith(root) for root in _user_roots):
        return True
    return not any(marker in path for marker in _MARKERS) and not path.startswith(_LIBRARIES)


def is_ours(filename: str) -> bool:
    """Whether a source file belongs to netwright."""
    return os.path.normcase(filename).startswith(_OURS)


def is_user(code: CodeType) -> bool:
    """Whether a function's code belongs to the user."""
    known = _user_files.get(code.co_filename)
    if known is None:
        known = _user_files[code.co_filename] = is_user_file(code.co_filename)
    return known


def is_optimizer(code: CodeType) -> bool:
    """Whether a function is one of torch's optimizers' own."""
    known = _optimizers.get(code.co_filename)
    if known is None:
        name = code.co_filename.replace("\\", "/")
        known = _optimizers[code.co_filename] = "torch/optim/" in name
    return known


def where_of(code: CodeType, line: int) -> Where:
    """The place of a line, with its source text."""
    key = (code.co_filename, code, line)  # code of two files may be equal
    place = _wheres.get(key)
    if place is None:
        path = code.co_filename if code.co_filename.startswith("<") else os.path.abspath(code.co_filename)
        text = linecache.getline(code.co_filename, line).strip() or None
        place = _wheres[key] = Where(file=path, line=line, function=code.co_name, code=text)
    return place


def user_frame(frame: FrameType | None) -> tuple[FrameType | None, tuple[str, ...], str]:
    """The innermost frame of the user's own at or above ``frame``.

    Returns that frame (``None`` when there is none), the names of the library functions between it and ``frame`` (outermost
    first, wrappers left out, at most three) and the file of the outermost of them (``""`` when there is none).
    """
    chain: list[FrameType] = []
    while frame is not None and not is_user(frame.f_code):
        chain.append(frame)
        frame = frame.f_back
    names: list[str] = []
    outer = ""
    for item in reversed(chain):
        name = item.f_code.co_name
        if name in _WRAPPERS or is_ours(item.f_code.co_filename):
            continue
        outer = outer or item.f_code.co_filename
        names.append(name)
        if len(names) == 3:
            break
    return frame, tuple(names), outer


def user_where(depth: int = 1) -> Where:
    """The innermost line of the user's own code, looking from the caller's caller upwards."""
    return where_at(sys._getframe(depth + 1))


def where_at(frame: FrameType | None) -> Where:
    """The innermost line of the user's own code at or above a frame."""
    frame, _, _ = user_frame(frame)
    return NOWHERE if frame is None else where_of(frame.f_code, frame.f_lineno)


def user_frames(frame: FrameType | None, limit: int = 8) -> tuple[Where, ...]:
    """All lines of the user's own code on the stack, innermost first."""
    found: list[Where] = []
    while frame is not None and len(found) < limit:
        if is_user(frame.f_code):
            found.append(where_of(frame.f_code, frame.f_lineno))
        frame = frame.f_back
    return tuple(found)


def applied_where() -> Where | None:
    """The user's line that calls ``Module.apply``, when the innermost function of the user's was called by it."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and not is_user(frame.f_code):
        frame = frame.f_back
    frame = frame.f_back if frame is not None else None
    applying = False
    while frame is not None and not is_user(frame.f_code):
        applying = applying or frame.f_code.co_name == "apply"
        frame = frame.f_back
    return where_of(frame.f_code, frame.f_lineno) if applying and frame is not None else None


def construction_where(instance: object, depth: int = 2) -> Where:
    """The user's line that is constructing ``instance`` right now (its own ``__init__`` frames are passed over)."""
    frame: FrameType | None = sys._getframe(depth)
    while frame is not None:
        code = frame.f_code
        if is_user(code):
            own = (
                code.co_name == "__init__"
                and code.co_argcount > 0
                and (frame.f_locals.get(code.co_varnames[0]) is instance)
            )
            if not own:
                return where_of(code, frame.f_lineno)
        frame = frame.f_back
    return NOWHERE
