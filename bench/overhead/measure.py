"""Paired and interleaved: in every round each tool has a block of steps, in a new random order, before or after a block of the bare program on the same network."""

import gc
import random
import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

import torch

from bench.overhead.programs import Trained
from bench.overhead.tools import TOOLS, DoesNotRunError, Tool, usable

_BARE = "bare"
_DRAWS = 2000
_LONGEST = 8.0  # blocks of the bare program that one block of a slow tool may take
_PROCESS = Path("/proc/self")


@dataclass(slots=True)
class Block:
    """Seconds a step by the wall and by the processor, and the peak of resident memory in bytes (0: not known)."""

    wall: float
    cpu: float
    peak: int


@dataclass(slots=True)
class Result:
    """Blocks of one tool and of the bare program in the same rounds, and what the tool says itself."""

    blocks: list[Block] = field(default_factory=list[Block])
    bare: list[Block] = field(default_factory=list[Block])
    says: str = ""

    def ratio(self, quantity: Callable[[Block], float]) -> tuple[float, float, float]:
        """Ratio of the totals, with a 95 % interval (bootstrap over rounds)."""
        pairs = [(quantity(a), quantity(b)) for a, b in zip(self.blocks, self.bare, strict=True)]
        draw = random.Random(0)
        drawn = sorted(_ratio(draw.choices(pairs, k=len(pairs))) for _ in range(_DRAWS))
        return _ratio(pairs), drawn[int(0.025 * _DRAWS)], drawn[int(0.975 * _DRAWS)]

    def written(self, quantity: Callable[[Block], float]) -> str:
        """The ratio and its interval, for a table."""
        return "{:.3f} ({:.3f} to {:.3f})".format(*self.ratio(quantity))

    @property
    def memory(self) -> float:
        """Peak above that of the bare blocks, in bytes (median over rounds)."""
        return statistics.median(a.peak - b.peak for a, b in zip(self.blocks, self.bare, strict=True))


def _ratio(pairs: list[tuple[float, float]]) -> float:
    return sum(a for a, _ in pairs) / sum(b for _, b in pairs)


def compare(
    make: Callable[[], Trained],
    names: Iterable[str],
    *,
    seconds: float,
    block_s: float,
    say: Callable[[str], None],
) -> tuple[dict[str, Result], float]:
    """Every tool on one program for about ``seconds`` in all. The results, and the bare program's seconds a step."""
    torch.manual_seed(0)
    bare = Tool(make())
    tools = {name: TOOLS[name][0](make()) for name in names if usable(TOOLS[name][1])}
    try:
        once = _warm(bare)
        steps = max(1, round(block_s / once))
        results = {name: Result() for name in tools}
        lengths = {name: min(steps, _fitting(tool, _LONGEST * block_s)) for name, tool in tools.items()}
        for name in [name for name, length in lengths.items() if not length]:
            results[name].says = f"does not run on this program: {tools.pop(name).failed}"
        for tool in tools.values():
            tool.settle()
        order, end = list(tools), time.perf_counter() + seconds
        shuffle = random.Random(0)
        rounds = 0
        while rounds < 4 or time.perf_counter() < end:
            shuffle.shuffle(order)
            for name in order:
                tool = tools[name]
                beside = Tool(tool.trained) if tool.leaves else bare
                first = bool(shuffle.getrandbits(1))
                blocks = [_block(beside, steps)] if first else []
                block = _block(tool, lengths[name])
                blocks += [] if first else [_block(beside, steps)]
                results[name].blocks.append(block)
                results[name].bare += blocks
            rounds += 1
        say(f"  {rounds} rounds of {steps} steps")
        for name, tool in tools.items():
            results[name].says = tool.says()
        return results, statistics.median(b.wall for r in results.values() for b in r.bare)
    finally:
        for tool in tools.values():
            tool.close()


def _warm(tool: Tool) -> float:
    for _ in range(3):
        tool.step()
    start, count = time.perf_counter(), 0
    while count < 3 or time.perf_counter() - start < 0.3:
        tool.step()
        count += 1
    return (time.perf_counter() - start) / count


def _fitting(tool: Tool, seconds: float) -> int:
    """How many steps of a tool take about so long, after two first ones; 0 where it cannot work with its program."""
    with tool.turn():
        try:
            tool.step()
            start = time.perf_counter()
            tool.step()
        except DoesNotRunError as error:
            tool.failed = str(error)
            return 0
    return max(1, round(seconds / (time.perf_counter() - start)))


def _block(tool: Tool, steps: int) -> Block:
    gc.collect()
    with tool.turn():
        for _ in range(steps // 10):  # until caches of the interpreter and the processor are warm again
            tool.step()
        _forget_peak()
        wall, cpu = time.perf_counter(), time.process_time()
        for _ in range(steps):
            tool.step()
        wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
        return Block(wall / steps, cpu / steps, _peak())


def _forget_peak() -> None:
    try:
        (_PROCESS / "clear_refs").write_text("5")
    except OSError:
        return


def _peak() -> int:
    try:
        lines = (_PROCESS / "status").read_text().splitlines()
    except OSError:
        return 0
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith("VmHWM:")), 0)
