"""What came of larger and larger batches."""

from ...evidence import LargestBatch


def sentence(found: LargestBatch) -> str:
    """What a step takes, what was run, and what fits."""
    parts = [f"batches of {found.batch} are in use"]
    step = found.step
    if step is not None:
        parts.append(
            f"measured on up to {step.sizes[-1]} samples a step takes {_mib(step.per_sample)} for each beside {_mib(step.fixed)}, and {_mib(step.free)} are free: {step.fits} would fit"
        )
    if found.runs:
        parts.append(
            "run for two steps: "
            + ", ".join(f"{r.batch} {'ran' if r.ran else 'did not'}" for r in found.runs)
        )
    if found.all_samples:
        parts.append("that is the whole training set in one batch")
    if found.why_not_run:
        parts.append(found.why_not_run)
    return "; ".join(parts) + f" ({found.seconds:.0f} s)"


def _mib(size: float) -> str:
    return f"{size / 2**20:.3g} MiB"
