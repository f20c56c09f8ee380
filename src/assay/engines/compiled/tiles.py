"""The kernel of every matrix product: a tile of a few rows, kept in registers.

    C[r, :] = beta C[r, :] + alpha sum_o sum_t A[r, o, t] B[o, t, :]       for `ROWS` rows r

The rows of B are `WIDTH` adjacent numbers, which the processor multiplies by one number of A in a
few instructions. It is written in LLVM IR, because compilers do not find it from loops. The module
also contains other operations that Numba lacks: treatment of denormal numbers, and calls of
functions by address.

References:
    K. Goto and R. van de Geijn, "Anatomy of High-Performance Matrix Multiplication", ACM TOMS 34,
    2008; F. Van Zee and R. van de Geijn, "BLIS", ACM TOMS 41, 2015.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from llvmlite import ir
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic

from assay.engines.compiled.compiling import features

if TYPE_CHECKING:
    from numba.core.typing.templates import Signature

__all__ = ["ROWS", "WIDTH", "call", "call_rule", "flush_denormals", "tile", "treat_denormals"]

WIDTH, ROWS = (32, 8) if "avx512f" in features() else (16, 4)
"""Columns and rows of a tile. The columns of float32 are two registers of AVX-512 or AVX2, or four
of NEON, so that a number of A is loaded once for two products; with the rows there are enough
independent sums to hide latency, and few enough for the registers."""

_FLAGS = ("contract",)


Word = tuple["Signature", Callable[..., object]]
"""What an intrinsic of numba returns: its types, and what writes its code."""


def _word(function: Callable[..., Any]) -> Any:
    """Decorator: a function that emits LLVM IR for Numba."""
    return intrinsic(function)


@_word
def tile(
    typingctx: object,
    a: types.Array,
    a_at: types.Type,
    a_row: types.Type,
    a_step: types.Type,
    a_jump: types.Type,
    b: types.Array,
    b_at: types.Type,
    b_step: types.Type,
    b_jump: types.Type,
    steps: types.Type,
    jumps: types.Type,
    c: types.Array,
    c_at: types.Type,
    c_row: types.Type,
    alpha: types.Type,
    beta: types.Type,
) -> Word:
    """Compute one tile of a product of flat arrays, from given positions.

    Args:
        a, a_at, a_row, a_step, a_jump: A[r, o, t] is a[a_at + r a_row + o a_jump + t a_step].
        b, b_at, b_step, b_jump: B[o, t, j] is b[b_at + o b_jump + t b_step + j].
        steps, jumps: numbers of t and o, at least 1.
        c, c_at, c_row: C[r, j] is c[c_at + r c_row + j]; it is not read if beta is 0.
    """
    whole, number = types.intp, c.dtype
    signature = types.void(
        a, whole, whole, whole, whole, b, whole, whole, whole, whole, whole, c, whole, whole,
        number, number,
    )  # fmt: skip
    return signature, _tile


def _tile(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    """Emit the loops of `tile`; in float64 for one half of the columns after the other, because
    their sums would not fit into the registers."""
    half = context.get_value_type(signature.args[-1]) == ir.DoubleType()
    lanes = WIDTH // 2 if half else WIDTH
    for column in range(0, WIDTH, lanes):
        _columns(context, builder, signature, arguments, column, lanes)
    return context.get_dummy_value()


def _columns(
    context: Any, builder: Any, signature: Any, arguments: Any, first: int, lanes: int
) -> None:
    """Emit the loops of `tile` for `lanes` columns from `first` on."""
    a, a_at, a_row, a_step, a_jump, b, b_at, b_step, b_jump, steps, jumps, *rest = arguments
    c, c_at, c_row, alpha, beta = rest
    number = context.get_value_type(signature.args[-1])
    whole, vector = a_at.type, ir.VectorType(number, lanes)
    b_at, c_at = (builder.add(at, ir.Constant(whole, first)) for at in (b_at, c_at))
    size = context.get_abi_sizeof(number)

    def start(which: int, array: Any, at: Any) -> Any:
        data = cgutils.create_struct_proxy(signature.args[which])(context, builder, array).data
        return builder.gep(data, [at])

    def read(pointer: Any) -> Any:
        found = builder.load(builder.bitcast(pointer, vector.as_pointer()))
        found.align = size
        return found

    def write(value: Any, pointer: Any) -> None:
        builder.store(value, builder.bitcast(pointer, vector.as_pointer())).align = size

    def times(x: Any, y: Any, z: Any) -> Any:
        """X y + z."""
        return builder.fadd(z, builder.fmul(x, y, flags=_FLAGS), flags=_FLAGS)

    rows = [ir.Constant(whole, r) for r in range(ROWS)]
    offsets = [builder.mul(a_row, r) for r in rows]
    nothing = [ir.Constant(vector, [0.0] * lanes)] * ROWS
    outer = _Loop(builder, jumps, [start(0, a, a_at), start(5, b, b_at), *nothing])
    from_a, from_b, *sums = outer.values
    inner = _Loop(builder, steps, [from_a, from_b, *sums])
    at_a, at_b, *running = inner.values
    row = read(at_b)
    factors = [builder.load(builder.gep(at_a, [offset])) for offset in offsets]
    running = [
        times(_all(builder, f, vector), row, s) for f, s in zip(factors, running, strict=True)
    ]
    sums = inner.end([builder.gep(at_a, [a_step]), builder.gep(at_b, [b_step]), *running])[2:]
    sums = outer.end([builder.gep(from_a, [a_jump]), builder.gep(from_b, [b_jump]), *sums])[2:]
    target = start(11, c, c_at)
    places = [builder.gep(target, [builder.mul(c_row, r)]) for r in rows]
    scale, kept = _all(builder, alpha, vector), _all(builder, beta, vector)
    fresh = builder.fcmp_ordered("==", beta, ir.Constant(number, 0.0))
    with builder.if_else(fresh) as (then, otherwise):
        with then:
            for place, total in zip(places, sums, strict=True):
                write(builder.fmul(scale, total), place)
        with otherwise:
            for place, total in zip(places, sums, strict=True):
                write(times(scale, total, builder.fmul(kept, read(place))), place)


class _Loop:
    """A loop of at least one iteration with loop-carried values."""

    def __init__(self, builder: Any, turns: Any, starts: list[Any]):
        self._builder, self._turns = builder, turns
        before = builder.block
        self._block = builder.append_basic_block()
        builder.branch(self._block)
        builder.position_at_end(self._block)
        self._all = [builder.phi(v.type) for v in (turns, *starts)]
        for value, first in zip(self._all, (ir.Constant(turns.type, 0), *starts), strict=True):
            value.add_incoming(first, before)
        self.values = self._all[1:]

    def end(self, following: list[Any]) -> list[Any]:
        """Close the loop; return the final loop-carried values."""
        builder = self._builder
        turn = builder.add(self._all[0], ir.Constant(self._turns.type, 1))
        for value, later in zip(self._all, (turn, *following), strict=True):
            value.add_incoming(later, builder.block)
        after = builder.append_basic_block()
        builder.cbranch(builder.icmp_signed("<", turn, self._turns), self._block, after)
        builder.position_at_end(after)
        return following


def _all(builder: Any, number: Any, vector: Any) -> Any:
    """A vector filled with one number."""
    blank = ir.Constant(vector, ir.Undefined)
    one = builder.insert_element(blank, number, ir.Constant(ir.IntType(32), 0))
    places = ir.Constant(ir.VectorType(ir.IntType(32), vector.count), [0] * vector.count)
    return builder.shuffle_vector(one, blank, places)


@_word
def call(typingctx: object, address: types.Type, arguments: types.Type) -> Word:
    """Call the C function at `address`; arrays are passed as pointers."""
    return types.void(address, arguments), _call


def _call(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    passed = []
    for kind, value in zip(
        signature.args[1], cgutils.unpack_tuple(builder, values[1]), strict=True
    ):
        if isinstance(kind, types.Array):
            value = cgutils.create_struct_proxy(kind)(context, builder, value).data
        passed.append(value)
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in passed])
    builder.call(builder.inttoptr(values[0], kind.as_pointer()), passed)
    return context.get_dummy_value()


@_word
def call_rule(
    typingctx: object,
    address: types.Type,
    w: types.Type,
    w_at: types.Type,
    g: types.Type,
    g_at: types.Type,
    first: types.Type,
    first_at: types.Type,
    second: types.Type,
    second_at: types.Type,
    count: types.Type,
    numbers: types.Type,
    numbers_at: types.Type,
) -> Word:
    """Call an update rule (see `rules`) at `address`, with arrays from given positions."""
    given = (w, w_at, g, g_at, first, first_at, second, second_at, count, numbers, numbers_at)
    return types.void(address, *given), _call_rule


def _call_rule(context: Any, builder: Any, signature: Any, values: Any) -> Any:
    def pointer(which: int) -> Any:
        made = cgutils.create_struct_proxy(signature.args[which])
        return builder.gep(made(context, builder, values[which]).data, [values[which + 1]])

    passed = [pointer(1), pointer(3), pointer(5), pointer(7), values[9], pointer(10)]
    kind = ir.FunctionType(ir.VoidType(), [value.type for value in passed])
    builder.call(builder.inttoptr(values[0], kind.as_pointer()), passed)
    return context.get_dummy_value()


_X86 = platform.machine().lower() in ("x86_64", "amd64", "i686")
_ARM = platform.machine().lower() in ("aarch64", "arm64")
_X86_ZERO = 0x8040  # denormal results (bit 15) and operands (bit 6) become zero
_ARM_ZERO = 1 << 24


@_word
def flush_denormals(typingctx: object) -> Word:
    """Make this thread treat denormal numbers as zero; return the previous setting.

    Weights that a penalty drives to zero become denormal, and a processor takes a hundred times
    longer for such numbers.
    """

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        before = _control(builder)
        zero = _X86_ZERO if _X86 else _ARM_ZERO
        _set_control(builder, builder.or_(before, ir.Constant(before.type, zero)))
        return before

    return types.uint64(), write


@_word
def treat_denormals(typingctx: object, before: types.Type) -> Word:
    """Restore this thread's treatment of denormal numbers."""

    def write(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        _set_control(builder, values[0])
        return context.get_dummy_value()

    return types.void(types.uint64), write


def _control(builder: Any) -> Any:
    """Return the thread's floating-point control register, uint64."""
    wide = ir.IntType(64)
    if _X86:
        room = cgutils.alloca_once(builder, ir.IntType(32))
        builder.call(_mxcsr(builder, "st"), [_byte_pointer(builder, room)])
        return builder.zext(builder.load(room), wide)
    if _ARM:
        return builder.asm(ir.FunctionType(wide, []), "mrs $0, fpcr", "=r", [], True)
    return ir.Constant(wide, 0)


def _set_control(builder: Any, value: Any) -> None:
    if _X86:
        room = cgutils.alloca_once(builder, ir.IntType(32))
        builder.store(builder.trunc(value, ir.IntType(32)), room)
        builder.call(_mxcsr(builder, "ld"), [_byte_pointer(builder, room)])
    elif _ARM:
        kind = ir.FunctionType(ir.VoidType(), [value.type])
        builder.asm(kind, "msr fpcr, $0", "r", [value], True)


def _mxcsr(builder: Any, what: str) -> Any:
    kind = ir.FunctionType(ir.VoidType(), [ir.IntType(8).as_pointer()])
    return cgutils.get_or_insert_function(builder.module, kind, f"llvm.x86.sse.{what}mxcsr")


def _byte_pointer(builder: Any, pointer: Any) -> Any:
    return builder.bitcast(pointer, ir.IntType(8).as_pointer())
