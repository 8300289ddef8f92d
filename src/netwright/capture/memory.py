"""How much memory is free, and how much the values of a step take."""

import ctypes
from collections.abc import Iterable

import torch

from ..evidence import Graph, TensorInfo
from .facts import storage_of
from .machine import shared_memory

_SIZES = {"VmSize": "RLIMIT_AS", "VmData": "RLIMIT_DATA"}
_BYTES = {
    "float64": 8,
    "int64": 8,
    "float16": 2,
    "bfloat16": 2,
    "int8": 1,
    "uint8": 1,
    "bool": 1,
    "complex64": 8,
}


def available_memory(device: torch.device | None = None) -> int:
    """Bytes of memory that can still be taken, as far as the system says: of an accelerator where ``device`` is one, else of the machine, or of the container's limit where that is less."""
    if device is not None and device.type == "cuda":
        free, _ = torch.cuda.mem_get_info(device)
        return free + torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    own = _of_process()
    return shared_memory() if own is None else max(0, min(own, shared_memory()))


def _of_process() -> int | None:
    """What is left below the limit that this process was given for its addresses or its data (``ulimit -v``, ``ulimit -d``)."""
    try:
        import resource

        with open("/proc/self/status", encoding="ascii") as file:
            sizes = {
                k: int(v.split()[0]) * 1024 for k, _, v in (x.partition(":") for x in file) if k in _SIZES
            }
    except (ImportError, OSError, ValueError):
        return None
    left = [
        limit - sizes[name]
        for name, kind in _SIZES.items()
        if (limit := resource.getrlimit(getattr(resource, kind))[0]) != resource.RLIM_INFINITY
        and name in sizes
    ]
    return min(left, default=None)


def given_back() -> int:
    """Let the C library give back what it holds and does not use; bytes that it keeps free for whoever asks next (0: it does not say)."""
    try:
        library = ctypes.CDLL(None)
        library.malloc_trim(0)
        library.mallinfo2.restype = _MallInfo
        return int(library.mallinfo2().fordblks)
    except (AttributeError, OSError, TypeError):
        return 0


class _MallInfo(ctypes.Structure):
    """``struct mallinfo2`` of the GNU C library."""

    _fields_ = [
        (n, ctypes.c_size_t)
        for n in "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost".split()
    ]


def activation_bytes(graph: Graph) -> int:
    """Memory that holding every value of the step would take, by their shapes: views count as if they were copies."""
    return sum(bytes_of_info(i) for n in graph.nodes if n.kind == "op" for i in n.outputs)


def bytes_of_info(info: TensorInfo) -> int:
    """Memory of a tensor that is known by its form alone."""
    return info.numel * _BYTES.get(info.dtype, 4)


def bytes_of_values(tensors: Iterable[torch.Tensor], but: frozenset[int] | set[int]) -> int:
    """Memory that tensors take, each piece of it once; without the pieces in ``but`` (see :func:`netwright.capture.facts.storage_of`)."""
    sizes: dict[int, int] = {}
    for tensor in tensors:
        known = storage_of(tensor)
        if known is not None and known not in but:
            sizes[known] = tensor.untyped_storage().nbytes()
    return sum(sizes.values())


def bytes_of_tensors(tensors: Iterable[torch.Tensor]) -> int:
    """Memory for a copy of each."""
    return sum(t.numel() * t.element_size() for t in tensors)
