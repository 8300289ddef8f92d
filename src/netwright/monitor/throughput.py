"""Steps and samples a second, and the share of waiting for data, between one sample and the next."""


class Throughput:
    """``loading`` are the seconds that the program has waited for its loaders so far; whoever sees it wait adds to them."""

    def __init__(self) -> None:
        self.loading = 0.0
        self._last = (0.0, 0, 0.0)  # seconds, steps and seconds of loading at the last sample

    def begin(self, steps: int) -> None:
        """So many steps were made before the watch began."""
        self._last = (0.0, steps, 0.0)

    def read(self, seconds: float, steps: int, rows: float) -> dict[str, float]:
        """Since the last call, by the names of the series: ``seconds`` after the watch began ``steps`` were made, each of ``rows`` samples (0: not known)."""
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
        if rows:
            found["run/samples_per_s"] = rate * rows
        return found
