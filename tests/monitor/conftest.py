import pytest


@pytest.fixture(autouse=True)
def nothing_compiled():
    """Where the compiler has worked, no module is hooked."""
    from torch._dynamo.utils import counters

    counters.clear()
