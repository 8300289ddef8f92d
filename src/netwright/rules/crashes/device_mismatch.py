"""Tensors lie on different devices, or the device asked for is not there.

## What it measures
The exception that ended the program, if it speaks of devices: which devices, which tensors where that is known, and the line.

## Why it matters
The program cannot run: one call works on one device.

## How to fix
Move the network once (``model.to(device)``) before the optimizer is made, and every batch (``x.to(device)``, ``y.to(device)``); make new tensors with ``device=x.device``.

## Known false alarms
None: the exception has happened.

## Source
The messages of PyTorch 2.13 (CPU and meta devices, produced by small programs) and of its source for CUDA.
"""

import re
from collections import Counter

from ...evidence import Crash
from ...rule import Finding, Kind, Rule, Severity
from .._crashes import Told, explain, name, pattern, simple

rule = Rule(
    code="NW903",
    name="device-mismatch",
    severity=Severity.ERROR,
    kind=Kind.BUG,
    guides=("T6",),
    remedies=("on-one-device",),
)


def _two(crash: Crash, match: "re.Match[str]") -> Told:
    found = [g for g in match.groups() if g]
    return Told(
        f"{name(crash)} gets tensors on {' and '.join(dict.fromkeys(found))}{_arguments(crash)}",
        _mend(crash),
        crash.where,
        (("devices", found),),
    )


def _arguments(crash: Crash) -> str:
    """Which arguments lie where, when they are known."""
    if len({t.device for t in crash.op_args}) < 2:
        return ""
    shown = ", ".join(f"{t.shape} on {t.device}" for t in crash.op_args[:4])
    return f" ({shown})"


def _mend(crash: Crash) -> str:
    devices = Counter(t.device for t in crash.op_args)
    if crash.module_type and len(crash.op_args) > 1 and crash.op_args[0].device != crash.op_args[1].device:
        return f"move the input to where the weights are: x.to('{crash.op_args[1].device}'), or the network to the input: model.to('{crash.op_args[0].device}')"
    if len(devices) > 1:
        most = devices.most_common(1)[0][0]
        return f"move everything to one device, e.g. .to('{most}'); make new tensors with device=x.device"
    return "move network and data to one device: model.to(device), x.to(device), y.to(device); make new tensors with device=x.device"


PATTERNS = (
    pattern(
        r"Expected all tensors to be on the same device, but found at least two devices, ([\w:]+) and ([\w:]+)",
        _two,
    ),
    pattern(
        r"Expected all tensors to be on the same device, but got \w+ is on ([\w:]+), different from other tensors on ([\w:]+)",
        _two,
    ),
    pattern(r"Tensor on device ([\w:]+) is not on the expected device ([\w:]+)", _two),
    pattern(r"found input tensor at ([\w:]+) and (?:parameter|hidden) tensor at ([\w:]+)", _two),
    pattern(
        r"Input type \((?:torch\.)?(cuda\.\w+|\w+)\) and weight type \((?:torch\.)?(cuda\.\w+|\w+)\) should be the same",
        _two,
    ),
    pattern(
        r"indices should be either on ([\w:]+) or on the same device as the indexed tensor \(([\w:]+)\)", _two
    ),
    pattern(
        r"Expected (?:object|tensor)[^.]*? device(?: type)? (?:of )?'?(\w+)'? but got device(?: type)? '?(\w+)'?",
        _two,
    ),
    pattern(
        r"Attempted to set the storage of a tensor on device \"([\w:]+)\" to a storage on different device \"([\w:]+)\"",
        _two,
    ),
    simple(
        r"can't convert ([\w:]+) device type tensor to numpy",
        "a tensor on {0} is turned into a numpy array, which lives in the computer's own memory",
        "move it first: x.detach().cpu().numpy()",
    ),
    simple(
        r"Cannot copy out of meta tensor|Tensor\.item\(\) cannot be called on meta tensors",
        "a tensor on the meta device has a shape and no values",
        "make the network on a real device, or use to_empty(device=...) and load or initialize the weights",
    ),
    simple(
        r"(Torch not compiled with CUDA enabled|Found no NVIDIA driver on your system|No CUDA GPUs are available|no CUDA-capable device is detected|"
        r"Cannot access accelerator device when none is available)",
        "a graphics processor is asked for and this installation sees none",
        "choose the device at the top: device = 'cuda' if torch.cuda.is_available() else 'cpu', and use .to(device) instead of .cuda()",
    ),
    simple(
        r"(Attempting to deserialize object on a CUDA device but torch\.cuda\.is_available\(\) is False)",
        "a checkpoint saved on a graphics processor is loaded where there is none",
        "load it with torch.load(path, map_location='cpu')",
    ),
    simple(
        r"(invalid device ordinal)",
        "a graphics processor with a number that does not exist is asked for",
        "count them with torch.cuda.device_count(); the first is cuda:0",
    ),
)


@rule.check
def check(crash: Crash) -> Finding:
    """Explain a message about devices."""
    return explain(rule, crash, PATTERNS, "network and data on one device")
