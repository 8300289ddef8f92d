"""What is noted of a torch call or module call of the program's that raised, for the explanation of its crash."""

from dataclasses import dataclass, field
from types import FrameType
from typing import Any

from ..evidence import NOWHERE, TensorInfo, Where
from .calls import FuncInfo
from .facts import failed_info
from .flatten import tensors
from .frames import user_frame, user_frames, user_where, where_of
from .modules import Modules
from .sandbox import Unseen
from .tape import ModuleFrame

_PLAIN = (int, float, str, bool, tuple)


@dataclass(slots=True)
class Failure:
    """A torch call or module call that raised."""

    error: BaseException
    op: str | None = None
    args: tuple[TensorInfo, ...] = ()
    kwargs: dict[str, object] = field(default_factory=dict[str, object])
    module: str | None = None
    module_type: str | None = None
    made: Where | None = None
    where: Where = NOWHERE
    frames: tuple[Where, ...] = ()


class Failures:
    """Knows the last of them. An error comes by here once for the call that raised it, and once for every module around."""

    def __init__(self, modules: Modules) -> None:
        self.modules = modules
        self.last: Failure | None = None

    def of(self, error: BaseException) -> Failure | None:
        """What is known of an error."""
        return self.last if self.last is not None and self.last.error is error else None

    def call_raised(
        self,
        error: BaseException,
        info: FuncInfo,
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        frame: FrameType | None,
        inside: ModuleFrame | None,
    ) -> None:
        """A torch call raised; ``frame`` made it, ``inside`` is the innermost running module."""
        if self.of(error) is not None:
            return
        frame, _, _ = user_frame(frame)
        with Unseen():
            infos = tuple(failed_info(t) for _, t in tensors((args, kwargs)))
        self.last = Failure(
            error=error,
            op=info.plain,
            args=infos,
            kwargs={
                **{str(i): a for i, a in enumerate(args) if isinstance(a, _PLAIN)},
                **{k: v for k, v in kwargs.items() if isinstance(v, _PLAIN)},
            },
            where=NOWHERE if frame is None else where_of(frame.f_code, frame.f_lineno),
            frames=user_frames(frame),
        )
        self._inside(inside)

    def module_raised(self, error: BaseException, frame: ModuleFrame) -> None:
        """A module call raised."""
        if self.of(error) is None:
            self.last = Failure(error=error, where=user_where(3))
        self._inside(frame)

    def _inside(self, frame: ModuleFrame | None) -> None:
        failure = self.last
        if failure is None or frame is None or failure.module_type is not None:
            return
        module = frame.module()
        failure.module_type = frame.type
        failure.module = _path(frame)
        failure.made = self.modules.made_where(module) if module is not None else None


def _path(frame: ModuleFrame) -> str:
    """Dotted path of a running module below the outermost running one."""
    outer = frame
    while outer.parent is not None:
        outer = outer.parent
    root = outer.module()
    if root is None:
        return frame.type
    for name, module in root.named_modules():
        if id(module) == frame.key:
            return name
    return frame.type
