"""The networks of the program: their modules, their parameters, how they were used."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from .tensors import Stats
from .where import NOWHERE, Where


@dataclass(frozen=True, slots=True, kw_only=True)
class ModuleInfo:
    """One ``nn.Module``. ``path`` is dotted from its root (``""`` for the root), ``root`` the position of that root.

    ``made`` is the line that constructed it. ``config`` holds its plain attributes (``p``, ``num_features``, ``dim``, ``inplace``...).
    ``calls_train``/``calls_eval`` count calls seen; ``training_in_train``/``training_in_eval`` the value of ``.training`` at
    them (``None``: not called, or both values seen). ``order`` is the position of its first call in the first training step.
    ``registered`` is False for modules that ran inside a root without being one of its submodules (in a plain list).
    ``user_defined`` tells a class of the user's own from torch's.
    """

    path: str
    type: str
    root: int
    made: Where = NOWHERE
    config: Mapping[str, object] = field(default_factory=dict[str, object])
    calls_train: int = 0
    calls_eval: int = 0
    training_in_train: bool | None = None
    training_in_eval: bool | None = None
    order: int | None = None
    registered: bool = True
    user_defined: bool = False
    parameters: int = 0
    input_shape: tuple[int, ...] | None = None
    output_shape: tuple[int, ...] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Modules:
    """Every module of every network that was used in the captured steps."""

    modules: tuple[ModuleInfo, ...]
    roots: tuple[str, ...]

    def of_type(self, *types: str) -> tuple[ModuleInfo, ...]:
        """Modules of these class names."""
        return tuple(m for m in self.modules if m.type in types)


@dataclass(frozen=True, slots=True, kw_only=True)
class ParameterInfo:
    """One leaf tensor that is a parameter, is held by an optimizer, or requires grad and was used.

    ``name`` is dotted from the root (``"fc.weight"``) or, when registered nowhere, a description. ``module_type`` is the owner's.
    ``initial`` are statistics of its values when first seen; ``duplicate_rows`` says that its rows (along dim 0) are all equal;
    ``fan_in``/``fan_out`` as torch.nn.init computes them. ``init_calls`` names the initializers seen writing to it, in order,
    with their lines; ``loaded`` says that a load_state_dict wrote to it, ``loaded_after_init``/``init_after_load`` the order.
    ``optimizers`` are the positions of the optimizers holding it, ``groups`` (optimizer, group) pairs: two equal entries mean it is held twice.
    ``contiguous`` says that its values lie in memory in the order of its indices: what reshapes it then writes to it and not to a copy.
    ``used`` says that a captured forward pass touched it. ``grad_steps`` gives for each captured update of its optimizer
    (or backward if it has none) the gradient's norm, ``None`` where ``.grad`` was None. ``changed`` tells whether any captured
    optimizer step changed its values; ``changed_outside`` whether they changed between optimizer steps.
    ``update_ratio`` is |update| / |weight| (norms) of the first step that changed it.
    ``distinct_rows_after`` counts its different rows after the captured steps, when all were equal at first.
    ``iterations`` is in how many captured iterations it was used, ``inside`` whether a module's own forward used it.
    ``on_path`` says that the loss of some objective depends on it through the graph (ignoring cuts), ``reached`` that autograd reaches it.
    ``frozen_at`` is the line that set ``requires_grad`` to False; ``changed_while_frozen`` that an optimizer step changed it at a time when
    ``requires_grad`` was False. ``frozen_in_vain`` is what a user wrote to freeze it that freezes nothing (``"features.requires_grad"`` on a
    module, ``"fc.weight.require_grad"``) with its line. ``outside_gaps`` counts the gaps between captured steps in which its values changed,
    ``outside_op`` names the call that wrote them, ``outside_gradient`` says that this call was given a gradient,
    ``outside_scales`` is the factor that all values were multiplied with in each of these gaps (None: no one factor), ``restored`` counts the gaps that brought
    back exactly the values from before the step.
    """

    name: str
    shape: tuple[int, ...]
    dtype: str
    device: str = "cpu"
    root: int | None = None
    module: str | None = None
    module_type: str | None = None
    where: Where = NOWHERE
    requires_grad: bool = True
    contiguous: bool = True
    registered: bool = True
    used: bool = False
    on_path: bool = False
    reached: bool = False
    initial: Stats | None = None
    duplicate_rows: bool = False
    fan_in: int | None = None
    fan_out: int | None = None
    init_calls: tuple[tuple[str, Where], ...] = ()
    loaded: bool = False
    init_after_load: Where | None = None
    optimizers: tuple[int, ...] = ()
    groups: tuple[tuple[int, int], ...] = ()
    grad_steps: tuple[float | None, ...] = ()
    changed: bool | None = None
    changed_outside: Where | None = None
    update_ratio: float | None = None
    shared_with: tuple[str, ...] = ()
    distinct_rows_after: int | None = None
    iterations: int | None = None
    inside: bool = False
    frozen_at: Where | None = None
    changed_while_frozen: bool = False
    frozen_in_vain: tuple[str, Where] | None = None
    outside_gaps: int = 0
    outside_op: str | None = None
    outside_gradient: bool = False
    outside_scales: tuple[float | None, ...] = ()
    restored: int = 0

    @property
    def numel(self) -> int:
        """Number of elements."""
        total = 1
        for size in self.shape:
            total *= size
        return total


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """All of them. ``fresh`` says that the weights look freshly initialized (nothing was loaded)."""

    parameters: tuple[ParameterInfo, ...]
    fresh: bool = True
    _named: dict[tuple[object, ...], ParameterInfo] = field(
        init=False, repr=False, compare=False, default_factory=dict[tuple[object, ...], ParameterInfo]
    )

    def __post_init__(self) -> None:
        for p in self.parameters:
            self._named.setdefault((p.root, p.name, p.shape), p)

    def named(self, root: int | None, name: str | None, shape: tuple[int, ...]) -> ParameterInfo | None:
        """The first with this name and shape in a network, by the network's position in ``Modules.roots``."""
        return self._named.get((root, name, shape))


@dataclass(frozen=True, slots=True, kw_only=True)
class LayerSignal:
    """Size of the signal at one layer's output in the first training step, forward and backward.

    ``forward`` are statistics of the output, ``backward`` of the gradient of the loss with respect to it. ``dead`` is the share of
    units (channels for images, features otherwise) that are zero for the whole batch, ``saturated`` the share of outputs in
    the flat part of sigmoid (beyond 0.99 / below 0.01) or tanh (beyond +-0.99). ``depth`` counts layers with weights so far.
    ``input_rms`` is that of the layer's input.
    """

    module: str
    type: str
    op: str
    node: int
    graph: int
    depth: int
    where: Where
    made: Where | None = None
    forward: Stats | None = None
    backward: Stats | None = None
    input_rms: float | None = None
    dead: float | None = None
    units: int | None = None
    saturated: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Signals:
    """The signal through the layers, in the order of the forward pass."""

    layers: tuple[LayerSignal, ...]
