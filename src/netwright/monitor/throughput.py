"""How the run goes as a whole: steps and samples a second, waiting for data, memory. Read by the clock, however many steps are sampled."""

from .memory import memory

_READINGS = 64  # in a run, at any time of it: a run of a second is read as often as one of a minute
_OFTEN_S, _SELDOM_S = 0.05, 5.0


class Throughput:
    """``loading`` are the seconds that the program has waited for its loaders so far; whoever sees it wait adds to them. ``rows`` are the samples in a step, where that is known."""

    def __init__(self) -> None:
        self.loading = self.rows = 0.0
        self._last = (0.0, 0, 0.0)  # seconds, steps and seconds of loading at the last reading

    def begin(self, steps: int) -> None:
        """So many steps were made before the watch began."""
        self._last = (0.0, steps, 0.0)

    def due(self, seconds: float) -> bool:
        """Whether it is time for a reading, so many seconds after the watch began."""
        return seconds - self._last[0] >= min(max(seconds / _READINGS, _OFTEN_S), _SELDOM_S)

    def read(self, seconds: float, steps: int) -> dict[str, float]:
        """Since the last reading, by the names of the series: ``seconds`` after the watch began ``steps`` were made."""
        before, made, loading = self._last
        self._last = (seconds, steps, self.loading)
        passed = seconds - before
        if passed <= 0:
            return {}
        rate = (steps - made) / passed
        found = {
            "run/steps_per_s": rate,
            "run/loading_share": min((self.loading - loading) / passed, 1.0),
        }
        if self.rows:
            found["run/samples_per_s"] = rate * self.rows
        return found | memory()
