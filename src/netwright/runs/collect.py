"""What every run leaves behind without being asked, beside its series: how it was started, on what, with which code and packages."""

import os
import platform
import re
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from ..masking import hidden_code, is_secret, masked
from .code import digest, git_state, own_files, shown_path
from .record import Record

_VARIABLES = re.compile(
    r"(CUDA|CUBLAS|CUDNN|NVIDIA|HIP|ROCR|PYTORCH|TORCH|TORCHINDUCTOR|NCCL|GLOO|OMP|MKL|KMP|OPENBLAS|PYTHON)_?\w*|RANK|WORLD_SIZE|LOCAL_RANK|LOCAL_WORLD_SIZE"
)


def command(
    target: str, argv: Sequence[str], *, is_module: bool, kind: str, folder: Path
) -> dict[str, object]:
    """How the program was started. ``kind`` is ``run``, ``check`` or ``watch``."""
    given = masked(argv)
    return {
        "kind": kind,
        "target": target,
        "is_module": is_module,
        "argv": given,
        "masked": given != list(argv),
        "folder": str(folder),
        "python": sys.executable,
    }


def variables(environment: Mapping[str, str]) -> dict[str, str]:
    """Variables that change how a training runs; nothing else of the environment is recorded."""
    return {k: v for k, v in sorted(environment.items()) if _VARIABLES.fullmatch(k) and not is_secret(k, v)}


def packages() -> dict[str, str]:
    """Versions of the packages that are imported now."""
    found: dict[str, str] = {}
    for name, module in list(sys.modules.items()):
        path = str(getattr(module, "__file__", None) or "")
        if "." in name or name.startswith("_") or "-packages" not in path:
            continue
        told: Any = vars(module).get("__version__")
        if not isinstance(told, str):
            try:
                told = version(name)
            except (PackageNotFoundError, ValueError):
                continue
        found[name] = str(told)
    return dict(sorted(found.items()))


def environment(variables_then: Mapping[str, str]) -> dict[str, object]:
    """Interpreter, system, packages and the variables that matter."""
    return {
        "python": platform.python_version(),
        "system": platform.platform(),
        "packages": packages(),
        "variables": dict(variables_then),
    }


def hardware() -> dict[str, object]:
    """Processor, memory and accelerators. torch is asked where it is there and has begun to use them; it is never loaded."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, object] = {"processor": _processor(), "cores": cores, "memory_bytes": _memory()}
    torch: Any = sys.modules.get("torch")
    if torch is not None and hasattr(torch, "get_num_threads"):
        found["threads"] = torch.get_num_threads()
        if torch.cuda.is_initialized():
            found["accelerators"] = [torch.cuda.get_device_name(i) for i in range(torch.cuda.device_count())]
    return found


def _processor() -> str:
    try:
        text = Path("/proc/cpuinfo").read_text("utf-8")
    except OSError:
        return platform.processor() or platform.machine()
    named = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
    return named.group(1).strip() if named else platform.machine()


def _memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (ValueError, OSError, AttributeError):
        return None


def _shown(text: bytes) -> bytes:
    """A source file as it is recorded: texts that secret names are given are masked, all else is as it was. Its digest is that of the file."""
    try:
        return hidden_code(text.decode("utf-8")).encode("utf-8")
    except UnicodeDecodeError:
        return text


def code(record: Record, script: str | None, folder: Path) -> dict[str, object]:
    """Put the program's own files in the record; the commit they stand on."""
    for path in own_files(script):
        try:
            text = path.read_bytes()
        except OSError:
            continue
        record.source(shown_path(path, folder), digest(text), _shown(text))
    # Where the script lies tells more than where it was started from.
    for place in ([Path(script).parent] if script else []) + [folder]:
        try:
            git = git_state(place)
        except (OSError, UnicodeDecodeError):
            continue
        if git:
            return {"code": git}
    return {"code": {}}
