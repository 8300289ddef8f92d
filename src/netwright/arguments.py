"""How the command line of ``run`` and ``check`` is read where click alone does not do."""

from __future__ import annotations

from typing import Any

import click

from .options import PROVE_S, SERIOUS


class ExperimentName(click.ParamType):  # pyright: ignore[reportMissingTypeArgument]
    """The name of an experiment. The names are only loaded when one is given, or the help asks for them."""

    name = "experiment"

    def _choice(self) -> click.Choice[str]:
        from .evidence import EXPERIMENTS

        return click.Choice([*sorted(EXPERIMENTS.values()), SERIOUS])

    def get_metavar(self, *args: Any, **kwargs: Any) -> str | None:
        """For the help."""
        return self._choice().get_metavar(*args, **kwargs)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """One of the names."""
        return self._choice().convert(value, param, ctx)


class Share(click.FloatRange):
    """A share of the run time. Who gives seconds, as ``check --budget`` takes them, is told."""

    def __init__(self) -> None:
        super().__init__(min=0, max=1)

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """A number from 0 to 1."""
        found = click.FLOAT.convert(value, param, ctx)
        if not 0 <= found <= 1:
            self.fail(
                f"{found:g} is no share of the run time (0 to 1; 0.01 is one percent). Seconds for experiments are check's: netwright check --budget {max(found, 1):g}",
                param,
                ctx,
            )
        return found


class Examination(click.Command):
    """``--prove`` may stand without its seconds: what follows it is then an option or the script."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """The options, ``--prove`` alone made one with the usual seconds; nothing behind the script is looked at."""
        flags = {
            name
            for p in self.params
            if isinstance(p, click.Option) and p.is_flag
            for name in (*p.opts, *p.secondary_opts)
        }
        at = 0
        while at < len(args) and args[at].startswith("-") and args[at] not in ("-", "--"):
            option, following = args[at], args[at + 1 : at + 2]
            if option == "--prove" and not (following and _is_number(following[0])):
                args = [*args[:at], f"--prove={PROVE_S:g}", *args[at + 1 :]]
                at += 1
            else:
                at += 1 if option in flags or "=" in option or not option.startswith("--") else 2
        return super().parse_args(ctx, args)


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True
