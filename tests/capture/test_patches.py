"""Class methods keep the class that they are called on while they are wrapped, whether written in Python or in C."""

import pytest

from netwright.capture.patches import Patches


class InC(dict):
    """A class method written in C, as ``autograd.Function.apply`` is from torch 2.14 on."""

    fromkeys = dict.__dict__["fromkeys"]


class InPython:
    @classmethod
    def fromkeys(cls, keys):
        return cls()


@pytest.mark.parametrize("owner", [InC, InPython])
def test_a_class_method_of_a_subclass(owner):
    below = type("Below", (owner,), {})
    seen = []
    patches, before = Patches(), vars(owner)["fromkeys"]

    def make(original):
        def wrapper(cls, keys):
            seen.append(cls)
            return original(cls, keys)

        return wrapper

    patches.wrap(owner, "fromkeys", make)
    assert type(below.fromkeys("ab")) is below
    assert seen == [below]
    patches.undo()
    assert vars(owner)["fromkeys"] is before
    assert type(below.fromkeys("ab")) is below
    assert seen == [below]
