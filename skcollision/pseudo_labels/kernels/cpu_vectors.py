"""Vectors in numba kernels: the same number of several points side by side, in registers.

Row by row, every point ends in sums across its clusters, which cost more than its elements when
there are few. LLVM vectorises inner loops only, those over clusters, so that points must be laid
side by side by hand: ``get`` and ``put`` move a vector between registers and an array, operators
act on all its numbers, and a number stands for a vector of it; so do ``fast_max`` and ``fast_min``.
LLVM makes of them what the machine has.
"""

from __future__ import annotations

import operator
from collections.abc import Iterator
from functools import partial
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]
from numba import types
from numba.core.typeconv import Conversion
from numba.core.typing.templates import AbstractTemplate, infer_global, signature
from numba.extending import intrinsic, lower_builtin, lower_cast, models, register_model

from skcollision.pseudo_labels.kernels.cpu_math import fast_log, inline, inner_jit

__all__ = [
    "LANES",
    "any_greater",
    "get",
    "largest",
    "put",
    "slacks",
    "splat",
    "total",
    "transpose_square",
    "vector_jit",
    "vector_log",
    "vector_sqrt",
    "where_greater",
]

# Numbers of a vector.
LANES = 8

# For kernels that are vectors already: there is nothing to gain by another order of sums.
vector_jit: Any = partial(inner_jit, fastmath={"contract", "nsz", "nnan"})


class Vector(types.Type):
    """LANES numbers of float64."""

    def __init__(self) -> None:
        super().__init__(name=f"Vector({LANES})")

    def can_convert_from(self, context: Any, other: Any) -> Any:
        """Let numbers stand for vectors of them."""
        return Conversion.promote if isinstance(other, types.Float | types.Integer) else None


_vector = Vector()
_numbers = ir.VectorType(ir.DoubleType(), LANES)


@register_model(Vector)
class _VectorModel(models.PrimitiveModel):
    def __init__(self, manager: Any, kind: Vector) -> None:
        super().__init__(manager, kind, _numbers)


@lower_cast(types.Number, Vector)
def _broadcast(context: Any, builder: Any, source: Any, target: Vector, value: Any) -> Any:
    number = context.cast(builder, value, source, types.float64)
    index = ir.IntType(32)
    undefined = ir.Constant(_numbers, ir.Undefined)
    first = builder.insert_element(undefined, number, ir.Constant(index, 0))
    return builder.shuffle_vector(first, undefined, ir.Constant(ir.VectorType(index, LANES), None))


class _Arithmetic(AbstractTemplate):
    """Vector with vector, or with a number on either side."""

    def generic(self, args: Any, keywords: Any) -> Any:
        others = [kind for kind in args if not isinstance(kind, Vector | types.Number)]
        if len(args) != 2 or others or _vector not in args:
            return None
        return signature(_vector, _vector, _vector)


def _define(name: str, instruction: str) -> None:
    """Let an operator, also in place, be an instruction."""

    def lower(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return getattr(builder, instruction)(*args)

    for function in (getattr(operator, name), getattr(operator, f"i{name}")):
        infer_global(function)(type(f"_Arithmetic_{name}", (_Arithmetic,), {}))
        lower_builtin(function, Vector, Vector)(lower)


_define("add", "fadd")
_define("sub", "fsub")
_define("mul", "fmul")
_define("truediv", "fdiv")


def _place(context: Any, builder: Any, kind: Any, args: Any) -> Any:
    """Return the pointer to a vector in a matrix in C order, of the matrix's type of number."""
    array, row, column = args
    view = context.make_array(kind)(context, builder, array)
    at = builder.add(builder.mul(row, builder.extract_value(view.shape, 1)), column)
    numbers = ir.VectorType(context.get_value_type(kind.dtype), LANES)
    return builder.bitcast(builder.gep(view.data, [at]), numbers.as_pointer())


@intrinsic
def get(context: Any, array: Any, row: Any, column: Any) -> Any:
    """Return the vector that begins at array[row, column], a C-ordered matrix."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = _place(context, builder, sig.args[0], args)
        values = builder.load(place, align=array.dtype.bitwidth // 8)
        return values if array.dtype == types.float64 else builder.fpext(values, _numbers)

    return _vector(array, types.intp, types.intp), codegen


@intrinsic
def put(context: Any, array: Any, row: Any, column: Any, vector: Any) -> Any:
    """Store a vector from array[row, column] on, a C-ordered matrix, rounded to its type."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        place = _place(context, builder, sig.args[0], args[:3])
        values = args[3]
        if array.dtype != types.float64:
            values = builder.fptrunc(values, place.type.pointee)
        builder.store(values, place, align=array.dtype.bitwidth // 8)
        return context.get_dummy_value()

    return types.void(array, types.intp, types.intp, _vector), codegen


@intrinsic
def transpose_square(
    context: Any, source: Any, at: Any, stride: Any, target: Any, to: Any, to_stride: Any
) -> Any:
    """Store column j of the LANES rows source[at + i stride] from target[to + j to_stride] on.

    Of flat arrays, of one type. Blocks of 1, 2, 4 ... numbers change places across the diagonal
    (Eklundh 1972), each time in whole vectors.
    """
    if source.dtype != target.dtype:
        return None

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = context.get_value_type(source.dtype)
        numbers, index = ir.VectorType(kind, LANES), ir.IntType(32)
        align = source.dtype.bitwidth // 8

        def place(array: int, first: int) -> Iterator[Any]:
            view = context.make_array(sig.args[array])(context, builder, args[array])
            for i in range(LANES):
                step = builder.mul(args[first + 1], ir.Constant(args[first + 1].type, i))
                start = builder.gep(view.data, [builder.add(args[first], step)])
                yield builder.bitcast(start, numbers.as_pointer())

        rows = [builder.load(start, align=align) for start in place(0, 1)]
        size = 1
        while size < LANES:
            lanes = range(LANES)
            upper = [j if not j & size else LANES + j - size for j in lanes]
            lower = [j + size if not j & size else LANES + j for j in lanes]
            masks = [ir.Constant(ir.VectorType(index, LANES), mask) for mask in (upper, lower)]
            for i in lanes:
                if not i & size:
                    pair = rows[i], rows[i + size]
                    rows[i], rows[i + size] = (builder.shuffle_vector(*pair, m) for m in masks)
            size *= 2
        for row, start in zip(rows, place(3, 4), strict=True):
            builder.store(row, start, align=align)
        return context.get_dummy_value()

    size = types.intp
    return types.void(source, size, size, target, size, size), codegen


@intrinsic
def splat(context: Any, number: Any) -> Any:
    """Return a vector of one number."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return context.cast(builder, args[0], sig.args[0], sig.return_type)

    return _vector(number), codegen


@intrinsic
def where_greater(context: Any, a: Any, b: Any, yes: Any, no: Any) -> Any:
    """Return the numbers of ``yes`` where a > b, of ``no`` elsewhere."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.select(builder.fcmp_ordered(">", *args[:2]), *args[2:])

    return _vector(_vector, _vector, _vector, _vector), codegen


@intrinsic
def any_greater(context: Any, a: Any, b: Any) -> Any:
    """Return whether a > b for any of the numbers."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        bits = ir.IntType(LANES)
        found = builder.bitcast(builder.fcmp_ordered(">", *args), bits)
        return builder.icmp_unsigned("!=", found, ir.Constant(bits, 0))

    return types.boolean(_vector, _vector), codegen


@intrinsic
def slacks(context: Any, nu: Any, s: Any, q: Any, delta: Any) -> Any:
    """Return nu - s q - delta, delta a number, rounded in this order in every kernel.

    A small slack is a difference of large numbers. Left to fast math, each kernel, and each
    compilation of it, rounds another one, and what one kernel balances another does not.
    """

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        # With a flag of its own an instruction is not given those of fast math.
        flags = ("nnan",)
        line = builder.fmul(args[1], args[2], flags=flags)
        return builder.fsub(builder.fsub(args[0], line, flags=flags), args[3], flags=flags)

    return _vector(_vector, _vector, _vector, _vector), codegen


@intrinsic
def vector_sqrt(context: Any, vector: Any) -> Any:
    """Return the square root of each number."""

    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        kind = ir.FunctionType(_numbers, [_numbers])
        root = builder.module.declare_intrinsic(f"llvm.sqrt.v{LANES}f64", fnty=kind)
        return builder.call(root, args)

    return _vector(_vector), codegen


@vector_jit
def vector_log(vector):
    """Return ln of each number, all of them normal and positive: a function, not inlined twice."""
    return fast_log(vector)


@intrinsic
def _lane(context: Any, vector: Any, place: Any) -> Any:
    def codegen(context: Any, builder: Any, sig: Any, args: Any) -> Any:
        return builder.extract_element(args[0], builder.trunc(args[1], ir.IntType(32)))

    return types.float64(_vector, types.intp), codegen


@inline
def total(vector):
    """Return the sum of a vector's numbers."""
    result = _lane(vector, 0)
    for j in range(1, LANES):
        result += _lane(vector, j)
    return result


@inline
def largest(vector):
    """Return the largest of a vector's numbers."""
    result = _lane(vector, 0)
    for j in range(1, LANES):
        result = max(result, _lane(vector, j))
    return result
