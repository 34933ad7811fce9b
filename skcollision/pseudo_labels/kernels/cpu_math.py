"""What every CPU kernel shares: how it is compiled, maxima and a logarithm that vectorise."""

from __future__ import annotations

from functools import partial
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import njit, types
from numba.extending import intrinsic

__all__ = ["exact_jit", "fast_log", "fast_max", "fast_min", "inline", "jit", "slack"]

# Reassociation lets sums vectorise. Infinities keep their meaning ("ninf" is left out); no kernel
# compares with NaN, which the callers keep out.
FAST_MATH = {"contract", "reassoc", "nsz", "arcp", "nnan"}

# Threads come from skcollision._parallel, so kernels release the GIL and stay serial themselves.
jit: Any = partial(njit, nogil=True, cache=True, error_model="numpy", fastmath=FAST_MATH)

# For work of size K or K^2 that decides: IEEE rules, so that its tests for NaN and infinity hold.
exact_jit: Any = partial(njit, nogil=True, cache=True, error_model="numpy")

# Part of a row pass. A call costs as much as the row itself when K is small, so it must be inlined,
# and LLVM does not always agree; the caller's flags apply.
inline: Any = partial(njit, inline="always")


def _select(comparison: str) -> Any:
    """Make a min or max whose select carries the fast-math flags.

    numba sets them on the comparison alone, and LLVM then leaves every loop that reduces with
    ``max`` in scalar code, four times slower.
    """

    def implementation(context: Any, a: Any, b: Any) -> Any:
        kind = types.float32 if a == b == types.float32 else types.float64

        def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
            flags = ("nnan", "nsz")
            condition = builder.fcmp_ordered(comparison, args[0], args[1], flags=flags)
            return builder.select(condition, args[0], args[1], flags=flags)

        return kind(kind, kind), codegen

    return implementation


@intrinsic
def fast_max(context: Any, a: Any, b: Any) -> Any:
    """Return the larger of two floats, neither of them NaN; float32 if both are."""
    return _select(">")(context, a, b)


@intrinsic
def fast_min(context: Any, a: Any, b: Any) -> Any:
    """Return the smaller of two floats, neither of them NaN; float32 if both are."""
    return _select("<")(context, a, b)


@intrinsic
def slack(context: Any, nu: Any, s: Any, q: Any, delta: Any) -> Any:
    """Return nu - s q - delta of four float64, rounded in this order in every kernel.

    A small slack is a difference of large numbers. Left to reassociation, each kernel, and each
    compilation of it, rounds another one, and what one kernel balances another does not.
    """

    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        # With a flag of its own an instruction is not given those of fast math.
        flags = ("nnan",)
        line = builder.fmul(args[1], args[2], flags=flags)
        return builder.fsub(builder.fsub(args[0], line, flags=flags), args[3], flags=flags)

    return types.float64(types.float64, types.float64, types.float64, types.float64), codegen


def _log_parts(builder: Any, x: Any) -> tuple[Any, Any]:
    """Split the bits of a normal x > 0: m in [sqrt(1/2), sqrt(2)) and the exponent as a float."""
    integer, short, double = ir.IntType(64), ir.IntType(32), ir.DoubleType()
    least = ir.Constant(integer, 0x3FE6A09E667F3BCD)
    bits = builder.bitcast(x, integer)
    shifted = builder.add(bits, ir.Constant(integer, 0x3FF0000000000000 - 0x3FE6A09E667F3BCD))
    mantissa = builder.and_(shifted, ir.Constant(integer, 0x000FFFFFFFFFFFFF))
    mantissa = builder.bitcast(builder.add(mantissa, least), double)
    exponent = builder.lshr(shifted, ir.Constant(integer, 52))
    # AVX2 converts 32 bits only
    exponent = builder.trunc(exponent, short)
    exponent = builder.sub(exponent, ir.Constant(short, 1023))
    return mantissa, builder.sitofp(exponent, double)


@intrinsic
def _mantissa(context: Any, x: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _log_parts(builder, args[0])[0]

    return types.float64(types.float64), codegen


@intrinsic
def _exponent(context: Any, x: Any) -> Any:
    def codegen(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        return _log_parts(builder, args[0])[1]

    return types.float64(types.float64), codegen


@inline
def fast_log(x):
    """Return ln(x) of a normal positive float64 to its last digits, in code that vectorises.

    ln(m) = 2 artanh((m - 1) / (m + 1)), the series until its terms fall below 1e-17.
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
