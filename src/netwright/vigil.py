"""A run after its first steps: it is watched, judged as it goes and recorded; what is found is said at once, and what is grave may end it."""

import contextlib
import math
import traceback
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from . import launch
from .evidence import Finiteness, History, NonFinite, Sample
from .live import Heard, Speaker, State, lines, record
from .report.live import LiveView
from .report.model import Live
from .rule import Rule, Severity

if TYPE_CHECKING:
    from .capture.session import Session
    from .logbook import Logbook
    from .monitor import Watcher
    from .monitor.finite import FiniteWatch
    from .options import RunOptions

_LOOKING = 0.2  # part of the time for watching that rules may take to judge

Evidence = Callable[[], Mapping[type, object]]


class Vigil:
    """Keeps watch over one run, from :meth:`begin` to :meth:`end`.

    Args:
        session: what the pre-flight knows of the program.
        options: how to watch, and what to do when something grave is found.
        stream: where findings are said.
        logbook: where samples and findings are kept, if anywhere.
    """

    def __init__(
        self, session: "Session", options: "RunOptions", stream: TextIO, logbook: "Logbook | None" = None
    ) -> None:
        self.session, self.options, self.logbook = session, options, logbook
        self.view = LiveView(stream, quiet=options.quiet)
        self.watcher: Watcher | None = None
        self.speaker: Speaker | None = None
        self.finite: FiniteWatch | None = None
        self.stopped: int | None = None
        self._beginning = self._ending = False
        self.notes: list[str] = []
        self.traces: list[str] = []

    def begin(
        self,
        rules: tuple[Rule, ...],
        evidence: Evidence,
        *,
        ignore: Mapping[str, str],
        severity: Mapping[str, Severity],
    ) -> None:
        """Watch from now on.

        Args:
            rules: all there are; those that can judge a run as it goes are chosen.
            evidence: what else is known by now.
            ignore: codes that are not run, with the reason.
            severity: severities by code, as the user wants them.
        """
        from .monitor import Watcher
        from .monitor.finite import FiniteWatch

        options = self.options
        self.speaker = Speaker(
            rules,
            self._heard,
            evidence=lambda: {**evidence(), **self._finiteness()},
            ignore=ignore,
            severity=severity,
            share=_LOOKING * options.watch_budget if options.watch_every is None else math.inf,
        )
        self.watcher = Watcher(
            self.session,
            budget=options.watch_budget,
            every=options.watch_every,
            wary=options.on_error != "warn",
            rank=options.watch_rank,
            histograms=options.watch_histograms,
        )
        self.watcher.outbox.listeners.append(self._sampled)
        self.finite = FiniteWatch(self.session, self._not_finite, thorough=options.watch_every == 1)
        self.finite.join(self.watcher)
        self._beginning = True
        self.speaker.begin(self.session.recording.steps)
        self._beginning = False
        self.watcher.start()
        if self.logbook is not None:
            self.watcher.outbox.on_sample = self.logbook.samples(self.session, self.watcher)
        if self.session.recording.nonfinite is not None:
            self._not_finite(self.session.recording.nonfinite)

    def end(self) -> History | None:
        """Watch no more. The whole run as it was watched."""
        watcher, speaker = self.watcher, self.speaker
        if watcher is None or speaker is None:
            return None
        self._ending = True  # what is still under way to us ends nothing any more
        watcher.close()
        if self.finite is not None:
            watcher.work(self.finite.at_end)
        self.traces += [t for t in (watcher.broken, *speaker.traces) if t]
        if watcher.watched:
            self.notes.append(
                f"watched {watcher.watched:,} steps, {watcher.samples:,} samples, {100 * watcher.share:.1f} % of the run time"
            )
        for heard in speaker.heard:
            if heard.state is State.WITHDRAWN:
                self.notes.append(
                    f"{heard.finding.code} {heard.finding.name} was seen from step {heard.first:,} to {heard.last:,}, and no more after that"
                )
        return watcher.history(ended=True)

    @property
    def live(self) -> tuple[Live, ...]:
        """What came up while the program ran, for the report."""
        return tuple(map(record, self.speaker.heard)) if self.speaker is not None else ()

    @property
    def watched(self) -> int:
        """Steps that were watched."""
        return self.watcher.watched if self.watcher is not None else 0

    # -- while it runs ----------------------------------------------------------------------------------------------------------

    def _finiteness(self) -> dict[type, object]:
        return {Finiteness: Finiteness(first=self.session.recording.nonfinite)}

    def _sampled(self, sample: Sample) -> None:
        """A sample has come: look whether it is time to."""
        assert self.watcher is not None and self.speaker is not None
        if self.speaker.due(sample.step, sample.seconds):
            self.speaker.look(self.watcher.history())
        if self.view.due:
            self.view.status(self.watcher.history())

    def _not_finite(self, first: NonFinite) -> None:  # noqa: ARG002 - it is in the recording, as evidence
        """The first loss or gradient that is not finite: it is said at once."""
        assert self.watcher is not None and self.speaker is not None
        self.speaker.look(self.watcher.history())

    def _heard(self, heard: Heard) -> None:
        """Something is said, or taken back."""
        self.view.say(lines(heard))
        finding, said = heard.finding, heard.state is State.SAID
        if self.logbook is not None:
            self.logbook.finding(finding, step=heard.first, state="stands" if said else "withdrawn")
        # What the first steps showed is no news of the run: `netwright check --fail-on` is for those who want an end there.
        if said and finding.severity is Severity.ERROR and not self._beginning:
            self._grave(heard)

    def _grave(self, heard: Heard) -> None:
        if self.options.on_error == "snapshot":
            self._snapshot(heard)
        elif self.options.on_error == "stop" and self.stopped is None:
            self.stopped = heard.last
            if self._ending:
                self.notes.append(
                    f"{heard.finding.code} came to be known only when the program had ended (--on-error stop)"
                )
                return
            self.notes.append(f"ended at step {heard.last:,} (--on-error stop)")
            raise launch.Stop

    def _snapshot(self, heard: Heard) -> None:
        from .monitor.snapshot import save

        folder = self.options.run_dir or Path(".netwright")
        path = folder / f"state-{heard.finding.code}-{heard.last}.pt"
        try:
            save(path, self.session)
        except (OSError, RuntimeError) as error:
            why = getattr(error, "strerror", None) or str(error)
            self.view.say([f"netwright: the state could not be written to {path}: {why}"])
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)
            return
        self.notes.append(f"weights, optimizer state and batch of step {heard.last:,} are in {path}")

    def failed(self) -> None:
        """Something of ours failed while the watch began: there is none."""
        self.traces.append(traceback.format_exc())
        if self.watcher is not None:
            self.watcher.close()
        self.watcher = None
