"""Knowledge about torch's functions that recording needs: names, which write in place, which draw random numbers."""

from collections.abc import Callable
from dataclasses import dataclass

QUERIES = frozenset(
    "size dim ndim numel nelement stride shape dtype device layout requires_grad grad_fn is_leaf is_sparse is_quantized is_cuda "
    "is_cpu is_meta is_mps is_xpu is_nested is_complex is_floating_point is_signed is_contiguous is_pinned is_inference "
    "is_conj is_neg is_shared is_same_size is_set_to __len__ __hash__ __repr__ __format__ __str__ storage_offset data_ptr "
    "element_size itemsize nbytes get_device _version _base output_nr names name storage untyped_storage _typed_storage "
    "type_check _set_grad_enabled _record_function_enter_new _record_function_exit _RecordFunction "
    "_record_function_exit._RecordFunction register_hook retain_grad retains_grad __dir__ _backward_hooks dense_dim "
    "sparse_dim is_nonzero has_names is_coalesced result_type can_cast promote_types __reduce_ex__ __deepcopy__ "
    "register_post_accumulate_grad_hook _is_view is_grad_enabled finfo iinfo get_default_dtype grad_dtype backward "
    "volatile retain_grad_ _cdata _nested_tensor_size is_ipu is_xla is_mtia is_maia is_mkldnn is_vulkan is_hpu has_torch_function".split()
)
RANDOM = frozenset(
    "dropout dropout1d dropout2d dropout3d alpha_dropout feature_dropout feature_alpha_dropout native_dropout rand randn randint "
    "rand_like randn_like randint_like randperm normal bernoulli multinomial poisson rrelu gumbel_softmax "
    "scaled_dot_product_attention multi_head_attention_forward lstm gru rnn_tanh rnn_relu uniform_ normal_ random_ bernoulli_ "
    "exponential_ cauchy_ geometric_ log_normal_ dropout_ alpha_dropout_ feature_dropout_ binomial fractional_max_pool2d "
    "fractional_max_pool3d _standard_gamma _sample_dirichlet trunc_normal_ kaiming_uniform_ kaiming_normal_ xavier_uniform_ "
    "xavier_normal_ opaque apply rrelu_ _fused_dropout".split()
)
_NO_WRITE = frozenset(("requires_grad_", "detach_", "share_memory_", "rename_", "retain_grad_"))
_DUNDER_INPLACE = frozenset(
    "__setitem__ __iadd__ __isub__ __imul__ __itruediv__ __idiv__ __ipow__ __ifloordiv__ __iand__ __ior__ __ixor__".split()
)
_PLAIN = {
    "__add__": "add", "__radd__": "add", "__iadd__": "add", "__sub__": "sub", "__isub__": "sub", "__rsub__": "rsub", "rsub": "rsub",
    "__mul__": "mul", "__rmul__": "mul", "__imul__": "mul", "__truediv__": "div", "__div__": "div", "__itruediv__": "div",
    "__idiv__": "div", "__rdiv__": "rdiv", "__rtruediv__": "rdiv", "true_divide": "div", "divide": "div", "multiply": "mul",
    "subtract": "sub", "__pow__": "pow", "__rpow__": "rpow", "__neg__": "neg", "negative": "neg", "__matmul__": "matmul",
    "__rmatmul__": "rmatmul", "__abs__": "abs", "absolute": "abs", "__eq__": "eq", "__ne__": "ne", "__lt__": "lt", "__le__": "le",
    "__gt__": "gt", "__ge__": "ge", "special_expit": "sigmoid", "clip": "clamp", "concat": "cat", "concatenate": "cat",
    "special_logsumexp": "logsumexp", "special_softmax": "softmax", "special_log_softmax": "log_softmax", "__invert__": "bitwise_not",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class FuncInfo:
    """What is known of one torch function: its plain name, and how it must be treated."""

    name: str
    plain: str
    record: bool
    inplace: bool
    random: bool


_known: dict[object, FuncInfo] = {}


def describe(func: Callable[..., object]) -> FuncInfo:
    """The description of a function that a mode was handed (cached)."""
    try:
        info = _known.get(func)
    except TypeError:  # an unhashable callable
        return _describe(func)
    if info is None:
        info = _known[func] = _describe(func)
    return info


def _describe(func: Callable[..., object]) -> FuncInfo:
    name = str(getattr(func, "__name__", type(func).__name__))
    if name in ("__get__", "__set__", "__delete__"):
        owner = getattr(func, "__self__", None)
        prop = str(getattr(owner, "__name__", "attribute"))
        if name == "__get__":
            record = prop not in QUERIES
            return FuncInfo(prop, prop, record and prop != "grad", False, False)
        return FuncInfo(f"set_{prop}", f"set_{prop}", prop == "data", prop == "data", False)
    name = name.split(".")[0] if "." in name and not name.startswith("_") else name
    inplace = name in _DUNDER_INPLACE or (
        name.endswith("_") and not name.endswith("__") and name not in _NO_WRITE
    )
    plain = _PLAIN.get(name) or (
        name[:-1] if inplace and name.endswith("_") and not name.endswith("__") else name
    )
    return FuncInfo(name, plain, name not in QUERIES, inplace, name in RANDOM or plain in RANDOM)


def plain_name(name: str) -> str:
    """The name without in-place underscore or operator form (``"__iadd__"`` and ``"add_"`` give ``"add"``)."""
    if name in _PLAIN:
        return _PLAIN[name]
    return name[:-1] if name.endswith("_") and not name.endswith("__") else name
