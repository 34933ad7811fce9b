"""What every CPU kernel shares: how it is compiled, maxima and a logarithm that vectorise."""

from __future__ import annotations

from functools import partial
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

__all__ = [
    "exact_jit",
    "fast_log",
    "fast_max",
    "fast_min",
    "inline",
    "inner_exact_jit",
    "inner_jit",
    "jit",
]

# Reassociation lets sums vectorise. Infinities keep their meaning ("ninf" is left out); no kernel
# compares with NaN, which the callers keep out.
FAST_MATH = {"contract", "reassoc", "nsz", "arcp", "nnan"}

# Threads come from skcollision._parallel, so kernels release the GIL and stay serial themselves.
jit: Any = partial(njit, nogil=True, cache=True, error_model="numpy", fastmath=FAST_MATH)

# For work of size K or K^2 that decides: IEEE rules, so that its tests for NaN and infinity hold.
exact_jit: Any = partial(njit, nogil=True, cache=True, error_model="numpy")

# Bits of sqrt(1/2).
_LEAST_MANTISSA = 0x3FE6A09E667F3BCD

# For functions that only kernels call: without what Python calls them by, and without a place in
# the cache, as those that call them contain them. Either takes as long as to compile the function.
_INNER = {"no_cpython_wrapper": True, "no_cfunc_wrapper": True, "cache": False}
inner_jit: Any = partial(jit, **_INNER)
inner_exact_jit: Any = partial(exact_jit, **_INNER)

# Part of a row pass. A call costs as much as the row itself when K is small, so it must be inlined,
# and LLVM does not always agree; the caller's flags apply.
inline: Any = partial(njit, inline="always")


def _select(comparison: str) -> Any:
    """Make a min or max whose select carries the fast-math flags.

    numba sets them on the comparison alone, and LLVM then leaves every loop that reduces with
    ``max`` in scalar code, four times slower.
    """

    def implementation(context: Any, a: Any, b: Any) -> Any:
        vectors = [kind for kind in (a, b) if not isinstance(kind, types.Number)]
        number = types.float32 if a == b == types.float32 else types.float64
        kind = vectors[0] if vectors else number

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            flags = ("nnan", "nsz")
            condition = builder.fcmp_ordered(comparison, args[0], args[1], flags=flags)
            return builder.select(condition, args[0], args[1], flags=flags)

        return kind(kind, kind), codegen

    return implementation


@intrinsic
def fast_max(context: Any, a: Any, b: Any) -> Any:
    """Return the larger of two floats or vectors, without NaN; float32 if both are."""
    return _select(">")(context, a, b)


@intrinsic
def fast_min(context: Any, a: Any, b: Any) -> Any:
    """Return the smaller of two floats or vectors, without NaN; float32 if both are."""
    return _select("<")(context, a, b)


def _log_parts(builder: Any, x: Any) -> tuple[Any, Any]:
    """Split normal x > 0, one or a vector of them: m in [sqrt(1/2), sqrt(2)), and the exponent."""
    integer, short = _like(x.type, ir.IntType(64)), _like(x.type, ir.IntType(32))

    def fill(kind: Any, number: int) -> Any:
        return ir.Constant(kind, [number] * kind.count if hasattr(kind, "count") else number)

    bits = builder.bitcast(x, integer)
    shifted = builder.add(bits, fill(integer, 0x3FF0000000000000 - _LEAST_MANTISSA))
    mantissa = builder.and_(shifted, fill(integer, 0x000FFFFFFFFFFFFF))
    mantissa = builder.bitcast(builder.add(mantissa, fill(integer, _LEAST_MANTISSA)), x.type)
    exponent = builder.lshr(shifted, fill(integer, 52))
    # AVX2 converts 32 bits only
    exponent = builder.sub(builder.trunc(exponent, short), fill(short, 1023))
    return mantissa, builder.sitofp(exponent, x.type)


def _like(kind: Any, number: Any) -> Any:
    return ir.VectorType(number, kind.count) if isinstance(kind, ir.VectorType) else number


def _part(index: int) -> Any:
    """Make what returns one of the parts."""

    def implementation(context: Any, x: Any) -> Any:
        kind = types.float64 if isinstance(x, types.Number) else x

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            return _log_parts(builder, args[0])[index]

        return kind(kind), codegen

    return implementation


@intrinsic
def _mantissa(context: Any, x: Any) -> Any:
    return _part(0)(context, x)


@intrinsic
def _exponent(context: Any, x: Any) -> Any:
    return _part(1)(context, x)


@inline
def fast_log(x):
    """Return ln(x) of normal positive float64, one or a vector, in code that vectorises.

    To its last digits: ln(m) = 2 artanh((m - 1) / (m + 1)), the series until its terms fall below
    1e-17.
    """
    m = _mantissa(x)
    z = (m - 1.0) / (m + 1.0)
    w = z * z
    series = 1.0 / 19.0 + w * (1.0 / 21.0)
    series = 1.0 / 15.0 + w * (1.0 / 17.0 + w * series)
    series = 1.0 / 11.0 + w * (1.0 / 13.0 + w * series)
    series = 1.0 / 7.0 + w * (1.0 / 9.0 + w * series)
    series = 1.0 / 3.0 + w * (1.0 / 5.0 + w * series)
    return _exponent(x) * 0.6931471805599453 + (2.0 * z + 2.0 * z * w * series)
