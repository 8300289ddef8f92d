"""Which steps are sampled, which are read and which left alone, so that the account stays within its budget."""

from collections.abc import Callable

from .account import Account

_LIGHT = 0.5  # part of the budget that may go into what is read at every step
_LEFT = 0.2  # part of the budget that stays where the hooks alone take all of it: a loss is read now and then however short the steps are
_LOOK = 32  # steps, and
_LOOK_S = 0.2  # seconds, after which it is seen again how many can be read; in a run that is younger after
_SOONER = 0.25  # of its time, or all that there is at first would go into these
_MOST_THINNED = 1024
_RESERVE = 0.9  # a sample is taken when the budget would pay for a little more


class Pace:
    """Plans by what samples, and what is read at every step, have taken so far.

    ``thinned`` is every how many steps one is read.

    Args:
        account: what was spent, and what may be.
        every: sample every so many steps, whatever it costs.
        guess: what a sample will take, in seconds, as long as none was taken.
    """

    def __init__(self, account: Account, *, every: int | None, guess: Callable[[], float]) -> None:
        self.account, self.every, self.guess = account, every, guess
        self.thinned = 1
        self._estimate = 0.0
        self._began_at: float | None = (
            None  # what was spent when the last sample began, until its cost is known
        )
        self._heavy = 0.0  # spent on samples
        # Seconds, and seconds spent on what is read at every step and on hooks that do nothing, at the last look.
        self._looked: tuple[float, float, float] | None = None

    def samples(self, step: int, now: float) -> bool:
        """Whether the step that comes next is sampled."""
        if self._began_at is not None:
            self._settle(self._began_at)
        if self.every is not None:
            return step % self.every == 0
        if step % max(_LOOK, self.thinned) == 0:
            self._thin(now)
        self._estimate = self._estimate or self.guess()
        return self.account.affords(self._estimate / _RESERVE, now)

    def reads(self, step: int) -> bool:
        """Whether a step that is not sampled is read."""
        return step % self.thinned == 0

    def next(self, step: int) -> int:
        """The step after it that is read."""
        return step + self.thinned - step % self.thinned

    def begins(self) -> None:
        """A sample begins."""
        self._began_at = self.account.spent

    def _settle(self, began_at: float) -> None:
        """What the last sample took is known now."""
        cost = self.account.spent - began_at
        self._began_at = None
        self._heavy += cost
        self._estimate = max(cost, 0.7 * self._estimate + 0.3 * cost)

    def _thin(self, now: float) -> None:
        """Read fewer steps where what is read at every step takes more than its part, and more of them again when it does not.

        By small factors and not too often: what interrupts us once (another program on the machine) is no reason to read less.
        """
        account = self.account
        light = account.spent - self._heavy - account.fixed
        seconds, before, fixed = self._looked or (account.began, 0.0, 0.0)
        if now < seconds + min(_LOOK_S, _SOONER * (now - account.began)):
            return
        paid = account.allowance(now) - account.allowance(seconds)
        limit = _LIGHT * max(paid - (account.fixed - fixed), _LEFT * paid)
        if light - before > limit:
            times = 4 if light - before > 4 * limit else 2
            self.thinned = min(self.thinned * times, _MOST_THINNED)
        elif light - before < limit / 3 and self.thinned > 1 and self.account.affords(0.0, now):
            self.thinned //= 2
        self._looked = (now, light, account.fixed)
