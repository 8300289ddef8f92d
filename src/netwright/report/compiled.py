"""Where the page's template is kept once it was compiled: beside the compiled modules of this package."""

import sys
from contextlib import suppress
from importlib.util import cache_from_source
from pathlib import Path

from jinja2 import FileSystemBytecodeCache
from jinja2.bccache import Bucket


class CompiledTemplates(FileSystemBytecodeCache):
    """To compile the template takes longer than to fill it in. Where Python itself writes no compiled modules, or the folder cannot be written, each process compiles its own."""

    def __init__(self) -> None:
        compiled = Path(cache_from_source(__file__))
        super().__init__(str(compiled.parent), f"template_%s.{sys.implementation.cache_tag}.cache")

    def load_bytecode(self, bucket: Bucket) -> None:
        """What was compiled before, if it is there and of the template as it stands."""
        with suppress(OSError):
            super().load_bytecode(bucket)

    def dump_bytecode(self, bucket: Bucket) -> None:
        """For the next process."""
        if not sys.dont_write_bytecode:
            with suppress(OSError):
                super().dump_bytecode(bucket)
