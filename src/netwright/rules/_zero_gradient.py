"""Calls whose gradient is zero, or that have none, because their result does not change smoothly."""

ZERO_GRADIENT = frozenset(
    "round floor ceil trunc fix sign sgn argmax argmin argsort heaviside floor_divide bucketize searchsorted one_hot gt ge "
    "lt le eq ne greater greater_equal less less_equal not_equal __gt__ __ge__ __lt__ __le__ __eq__ __ne__ isclose logical_and "
    "logical_or logical_not bernoulli multinomial int long short bool signbit".split()
)
CLAMPS = frozenset("clamp clip hardtanh clamp_min clamp_max relu6 hardsigmoid".split())
