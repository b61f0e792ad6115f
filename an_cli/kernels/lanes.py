"""Vectors of a fixed number of lanes for kernels that numba compiles.

A kernel says how many sums run beside each other and in which order they are joined, so its bits are those of the
source: the same on every processor, whatever the width of its registers, and no flag lets the compiler reorder sums.
Memory is addressed by numbers: an array of numba's brings checks for aliases that cost more than a short loop.
"""

from __future__ import annotations

from collections.abc import Callable
from enum import StrEnum
from typing import Any, NamedTuple

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic, models, register_model

_I16, _I32, _I64 = ir.IntType(16), ir.IntType(32), ir.IntType(64)


class Element(StrEnum):
    """How a number lies in memory."""

    FP64 = "fp64"
    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"

    @property
    def size(self) -> int:
        """Bytes."""
        return {Element.FP64: 8, Element.FP32: 4}.get(self, 2)

    @property
    def scalar(self) -> types.Type:
        """What it is computed in."""
        return types.float64 if self is Element.FP64 else types.float32


class Lanes(types.Type):  # type: ignore[misc]
    """A vector of numbers of one kind."""

    def __init__(self, scalar: types.Type, width: int) -> None:
        super().__init__(name=f"Lanes({scalar} x {width})")
        self.scalar, self.width = scalar, width


@register_model(Lanes)
class _LanesModel(models.PrimitiveModel):  # type: ignore[misc]
    def __init__(self, manager: Any, kind: Lanes) -> None:
        super().__init__(manager, kind, ir.VectorType(_llvm(kind.scalar), kind.width))


def _llvm(scalar: types.Type) -> ir.Type:
    return ir.DoubleType() if scalar is types.float64 else ir.FloatType()


class Vector(NamedTuple):
    """Operations on vectors of one width whose numbers lie in memory as one element. Addresses are in bytes."""

    width: int
    load: Callable[..., Any]
    store: Callable[..., Any]
    zero: Callable[..., Any]
    fill: Callable[..., Any]
    add: Callable[..., Any]
    sub: Callable[..., Any]
    mul: Callable[..., Any]
    fma: Callable[..., Any]
    total: Callable[..., Any]
    clamp: Callable[..., Any]
    passes: Callable[..., Any]


def make_vector(element: Element, width: int) -> Vector:
    """Make the operations.

    Args:
        element: how the numbers lie in memory.
        width: lanes, a power of two.

    Returns:
        load(address, i) and store(address, i, v): lanes i to i + width of an array. fill(s): s in every lane.
        fma(a, b, c): a b + c, rounded once. total(v): the lanes' sum, halves joined until one is left. clamp(v, high):
        0 for what is below, high for what is above; what is no number stays. passes(g, v, high): g where v lies
        strictly between 0 and high, else 0.
    """
    scalar = element.scalar
    lanes, vector = Lanes(scalar, width), ir.VectorType(_llvm(scalar), width)

    @intrinsic  # type: ignore[untyped-decorator]
    def load(typing: Any, address: Any, index: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            return _widened(builder, element, vector, _pointer(builder, element, width, *args))

        return lanes(types.int64, types.int64), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def store(typing: Any, address: Any, index: Any, value: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            where = _pointer(builder, element, width, args[0], args[1])
            builder.store(_narrowed(builder, element, args[2]), where, align=element.size)
            return context.get_dummy_value()

        return types.none(types.int64, types.int64, lanes), generate

    @intrinsic  # type: ignore[untyped-decorator]
    def zero(typing: Any) -> Any:
        return lanes(), lambda context, builder, signature, args: ir.Constant(vector, None)

    @intrinsic  # type: ignore[untyped-decorator]
    def fill(typing: Any, value: Any) -> Any:
        return lanes(scalar), lambda context, builder, signature, args: _filled(builder, vector, args[0])

    def arithmetic(work: Callable[..., Any], operands: int) -> Any:
        def two(typing: Any, a: Any, b: Any) -> Any:
            return lanes(lanes, lanes), lambda context, builder, signature, args: work(builder, *args)

        def three(typing: Any, a: Any, b: Any, c: Any) -> Any:
            return lanes(lanes, lanes, lanes), lambda context, builder, signature, args: work(builder, *args)

        return intrinsic(two if operands == 2 else three)

    @intrinsic  # type: ignore[untyped-decorator]
    def total(typing: Any, value: Any) -> Any:
        return scalar(lanes), lambda context, builder, signature, args: _joined(builder, args[0], width)

    return Vector(
        width=width,
        load=load,
        store=store,
        zero=zero,
        fill=fill,
        add=arithmetic(lambda builder, a, b: builder.fadd(a, b), 2),
        sub=arithmetic(lambda builder, a, b: builder.fsub(a, b), 2),
        mul=arithmetic(lambda builder, a, b: builder.fmul(a, b), 2),
        fma=arithmetic(_multiplied_added, 3),
        total=total,
        clamp=arithmetic(_clamped, 2),
        passes=arithmetic(_passed, 3),
    )


@intrinsic  # type: ignore[untyped-decorator]
def word(typing: Any, address: Any, index: Any) -> Any:
    """The 64-bit whole number at a place of an array."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        return builder.load(_address(builder, 8, _I64, *args))

    return types.int64(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def real(typing: Any, address: Any, index: Any) -> Any:
    """The 64-bit floating-point number at a place of an array."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        return builder.load(_address(builder, 8, ir.DoubleType(), *args))

    return types.float64(types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def put_word(typing: Any, address: Any, index: Any, value: Any) -> Any:
    """Put a 64-bit whole number in a place of an array."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        builder.store(args[2], _address(builder, 8, _I64, args[0], args[1]))
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def call_parallel(typing: Any, parallel: Any, function: Any, argument: Any, threads: Any) -> Any:
    """Call a function once in each of so many threads, by OpenMP's function for that."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        kind = ir.FunctionType(ir.VoidType(), [_I64, _I64, _I32, _I32])
        callee = builder.inttoptr(args[0], kind.as_pointer())
        builder.call(callee, [args[1], args[2], builder.trunc(args[3], _I32), ir.Constant(_I32, 0)])
        return context.get_dummy_value()

    return types.none(types.int64, types.int64, types.int64, types.int64), generate


@intrinsic  # type: ignore[untyped-decorator]
def take_next(typing: Any, address: Any, index: Any) -> Any:
    """Count a 64-bit number up by one for all threads; returns what it was."""

    def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
        return builder.atomic_rmw("add", _address(builder, 8, _I64, *args), ir.Constant(_I64, 1), "monotonic")

    return types.int64(types.int64, types.int64), generate


def make_pointer(scalar: types.Type) -> Callable[..., Any]:
    """Make the function from an address to a pointer, which is indexed like an array."""

    @intrinsic  # type: ignore[untyped-decorator]
    def pointer(typing: Any, address: Any) -> Any:
        def generate(context: Any, builder: ir.IRBuilder, signature: Any, args: Any) -> Any:
            return builder.inttoptr(args[0], _llvm(scalar).as_pointer())

        return types.CPointer(scalar)(types.int64), generate

    return pointer  # type: ignore[no-any-return]


def _address(builder: ir.IRBuilder, size: int, kind: ir.Type, address: Any, index: Any) -> Any:
    byte = builder.add(address, builder.mul(index, ir.Constant(_I64, size)))
    return builder.inttoptr(byte, kind.as_pointer())


def _pointer(builder: ir.IRBuilder, element: Element, width: int, address: Any, index: Any) -> Any:
    stored = {Element.FP64: ir.DoubleType(), Element.FP32: ir.FloatType(), Element.FP16: ir.HalfType()}
    return _address(builder, element.size, ir.VectorType(stored.get(element, _I16), width), address, index)


def _widened(builder: ir.IRBuilder, element: Element, vector: ir.VectorType, where: Any) -> Any:
    stored = builder.load(where, align=element.size)
    if element is Element.FP16:
        return builder.fpext(stored, vector)
    if element is not Element.BF16:
        return stored
    wide = ir.VectorType(_I32, vector.count)
    shifted = builder.shl(builder.zext(stored, wide), _whole(wide, 16))
    return builder.bitcast(shifted, vector)


def _narrowed(builder: ir.IRBuilder, element: Element, value: Any) -> Any:
    """Rounded to nearest, ties to even, as PyTorch does."""
    count = value.type.count
    if element is Element.FP16:
        return builder.fptrunc(value, ir.VectorType(ir.HalfType(), count))
    if element is not Element.BF16:
        return value
    wide = ir.VectorType(_I32, count)
    bits = builder.bitcast(value, wide)
    odd = builder.and_(builder.lshr(bits, _whole(wide, 16)), _whole(wide, 1))
    rounded = builder.lshr(builder.add(builder.add(bits, _whole(wide, 0x7FFF)), odd), _whole(wide, 16))
    is_number = builder.fcmp_ordered("ord", value, value)
    return builder.trunc(builder.select(is_number, rounded, _whole(wide, 0x7FC0)), ir.VectorType(_I16, count))


def _whole(kind: ir.VectorType, value: int) -> ir.Constant:
    return ir.Constant(kind, [value] * kind.count)


def _filled(builder: ir.IRBuilder, vector: ir.VectorType, value: Any) -> Any:
    single = builder.insert_element(ir.Constant(vector, ir.Undefined), value, ir.Constant(_I32, 0))
    return builder.shuffle_vector(single, single, ir.Constant(ir.VectorType(_I32, vector.count), None))


def _multiplied_added(builder: ir.IRBuilder, a: Any, b: Any, c: Any) -> Any:
    kind = a.type
    bits = 64 if isinstance(kind.element, ir.DoubleType) else 32
    function = cgutils.get_or_insert_function(
        builder.module, ir.FunctionType(kind, [kind] * 3), f"llvm.fma.v{kind.count}f{bits}"
    )
    return builder.call(function, [a, b, c])


def _joined(builder: ir.IRBuilder, value: Any, width: int) -> Any:
    while width > 1:
        width //= 2
        halves = (list(range(width)), list(range(width, 2 * width)))
        low, high = (
            builder.shuffle_vector(value, value, ir.Constant(ir.VectorType(_I32, width), half)) for half in halves
        )
        value = builder.fadd(low, high)
    return builder.extract_element(value, ir.Constant(_I32, 0))


def _clamped(builder: ir.IRBuilder, value: Any, high: Any) -> Any:
    zero = ir.Constant(value.type, None)
    value = builder.select(builder.fcmp_ordered("olt", value, zero), zero, value)
    return builder.select(builder.fcmp_ordered("ogt", value, high), high, value)


def _passed(builder: ir.IRBuilder, gradient: Any, value: Any, high: Any) -> Any:
    zero = ir.Constant(value.type, None)
    above = builder.fcmp_unordered("ugt", value, zero)
    below = builder.fcmp_unordered("ult", value, high)
    return builder.select(builder.and_(above, below), gradient, zero)
