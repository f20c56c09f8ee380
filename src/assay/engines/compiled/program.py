"""A run in training as flat arrays, with its content for checkpoints and records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from assay.engines.compiled.operations import BACKWARD, FORWARD
from assay.engines.compiled.pictures import Pixels, PixelSplit
from assay.engines.compiled.products import BLOCK, apart, packed, unpacked, whole
from assay.engines.compiled.rules import NUMBERS, numbers_of, rule, step_of
from assay.engines.compiled.states import own, shared
from assay.engines.compiled.stepping import LOSS, TAKE, evaluate, train
from assay.engines.compiled.tape import (
    CALL_BACKWARD,
    CALL_FORWARD,
    INPUTS,
    KIND,
    MEMORIES,
    NUMBERS_AT,
    OUTPUTS,
    PIECE_AT,
    PRODUCT_AT,
    RULE,
    SMALL_AT,
    STEP,
    TURNED_ROW,
    Span,
    tape_of,
)
from assay.engines.compiled.tiles import ROWS, WIDTH
from assay.engines.engine import Member
from assay.engines.streams import Bits

__all__ = ["NOT_MIXED", "CompiledProgram"]

Array = np.ndarray
State = dict[str, Array]

NOT_MIXED = np.zeros(0), np.zeros(0, np.int64)


class CompiledProgram:
    """One member of a dense network.

    Args:
        weights: initial weights, named as in `initial_weights`.
        dtype: type of all arrays, float32 or float64.

    Attributes:
        updates: number of updates so far.
    """

    def __init__(self, member: Member, weights: Mapping[str, Array], dtype: np.dtype):
        recipe = member.training
        self.member, self.dtype, self.updates = member, dtype, 0
        self._tape, self._place = tape_of(member.network, recipe.batch_size, dtype)
        tape = self._tape
        self._row = apart(int(np.prod(member.network.input_shape)))
        self._table, self._floats = tape.table, tape.floats
        for row, kind in zip(self._table, self._table[:, KIND].tolist(), strict=True):
            row[CALL_FORWARD] = FORWARD[kind].address(dtype.name)
            row[CALL_BACKWARD] = BACKWARD[kind].address(dtype.name)
        step = step_of(member)
        assert step is not None
        self._rule = step
        start = step.starts(numbers_of(member))
        self._weights = np.zeros(tape.weight_count, dtype)
        self._moving = np.zeros(tape.moving_count, dtype)
        self._memories = [np.full(tape.weight_count, start, dtype) for _ in step.memories]
        nothing = np.zeros(1, dtype)
        self._first, self._second = [*self._memories, nothing, nothing][:2]
        self._work = np.zeros(tape.work_count, dtype)
        self._loss = LOSS.address(dtype.name)
        self._make_scratch()
        keys = [Bits([member.seed], name).keys[0] for name in tape.rates]
        self._keys = np.array(keys, np.uint64)
        self._fill(weights)
        self._averages: tuple[Array, Array] = (nothing[:0], nothing[:0])
        self._restart()

    def _make_scratch(self) -> None:
        """Allocate memory for intermediate results, and assign its parts."""
        tape, row, n = self._tape, whole(self._tape.batch, WIDTH), [0] * STEP
        turned, product = (whole(tape.wide, size) * row for size in (WIDTH, ROWS))
        n[TURNED_ROW], n[PRODUCT_AT], n[PIECE_AT] = row, turned, turned + product
        n[SMALL_AT] = n[PIECE_AT] + BLOCK * WIDTH
        n[NUMBERS_AT] = n[SMALL_AT] + 2 * whole(tape.wide, WIDTH)
        n[RULE] = rule(self._rule).address(self.dtype.name)
        n[MEMORIES] = len(self._memories)
        self._scratch = np.zeros(n[NUMBERS_AT], self.dtype)
        self._scratch = np.concatenate([self._scratch, self._numbers()])
        self._step = np.array(n, np.int64)

    def _numbers(self) -> Array:
        """Return the update rule's numbers for the kernel and the bias of each operation."""
        last = max(self._tape.penalties)
        rows = np.zeros((2 * len(self._table), len(NUMBERS)))
        for operation, row in enumerate(rows):
            kernel = self._tape.penalties.get(operation // 2) if operation % 2 == 0 else None
            inputs, outputs = self._table[operation // 2, [INPUTS, OUTPUTS]].tolist()
            hidden = (inputs, outputs) if kernel and operation // 2 < last else None
            l1, l2 = kernel or (0.0, 0.0)
            row[2:] = [l1, 2 * l2, *self._rule.own(numbers_of(self.member, hidden))]
        return rows.astype(self.dtype).reshape(-1)

    def _restart(self) -> None:
        """Start the average of the weights from the present weights."""
        if self.member.training.ema:
            self._averages = self._weights.copy(), self._moving.copy()

    def train(
        self,
        pictures: Pixels,
        order: Array,
        moves: Array,
        factors: Array,
        totals: Array,
        mixing: tuple[Array, Array] = NOT_MIXED,
    ) -> None:
        """Perform some updates.

        Args:
            order: the images of all batches, in order.
            moves: (images, 3) from `Moves`; of length 0 if images are not moved.
            factors: the schedule's share of the learning rate at each update.
            totals: (2,) loss and number of correct images, to which those of these updates are
                added: in one order, however many updates there are in a call.
            mixing: see `stepping.train`.
        """
        recipe = self.member.training
        numbers = numbers_of(self.member)
        rates = recipe.learning_rate * factors
        kept = 1 - numbers.get("weight_decay", 0.0) * rates
        if correction := self._rule.correction:
            counts = range(self.updates + 1, self.updates + 1 + len(rates))
            rates = rates * [correction(numbers, count) for count in counts]
        train(
            self._table, self._floats, self._tape.lowest, self._arrays(), self._averages,
            self._keys, self._step, self._loss, self._seen(pictures, pictures.train),
            pictures.train.targets, order, moves, mixing, recipe.batch_size, rates, kept,
            float(recipe.label_smoothing), float(recipe.ema), self.updates, totals,
        )  # fmt: skip
        self.updates += len(rates)

    def evaluate(self, pictures: Pixels, part: PixelSplit) -> tuple[Array, float]:
        """Outputs float32 (n, classes) and the mean loss on a part of the dataset."""
        outputs = np.empty((len(part), int(self._table[-1, OUTPUTS])), np.float32)
        loss = evaluate(
            self._table, self._floats, self._arrays(*self._shown()), self._keys, self._step,
            self._loss, self._seen(pictures, part), part.targets, self._tape.rows, outputs,
        )  # fmt: skip
        return outputs, loss / len(part)

    def _arrays(self, *shown: Array) -> tuple[Array, ...]:
        weights, moving = shown or (self._weights, self._moving)
        return weights, moving, self._first, self._second, self._work, self._scratch

    def _seen(self, pictures: Pixels, part: PixelSplit) -> tuple[Any, ...]:
        """Return the arguments of `stepping` for pictures and their destination."""
        shape = pictures.shift, pictures.scale, pictures.size, self._place, self._row
        return (TAKE.address(self.dtype.name), part.bytes, part.numbers, *shape)

    def _shown(self) -> tuple[Array, Array]:
        """Return the evaluated weights: the average, if there is one."""
        return self._averages if self.member.training.ema else (self._weights, self._moving)

    def weights(self) -> State:
        """Return weights and moving statistics, float32, named as in `initial_weights`."""
        weights, moving = self._shown()
        return {k: v.astype(np.float32) for k, v in self._named(weights, moving)}

    def restore(self, weights: Mapping[str, Array]) -> None:
        """Restore the result of `weights`."""
        self._fill(weights)
        self._restart()

    def _fill(self, weights: Mapping[str, Array]) -> None:
        for span in self._tape.weights:
            _put(span, self._weights, weights[span.name])
        for span in self._tape.moving:
            _put(span, self._moving, weights[span.name])

    def _named(self, weights: Array, moving: Array | None) -> Iterator[tuple[str, Array]]:
        for span in self._tape.weights:
            yield span.name, _get(span, weights)
        if moving is not None:
            for span in self._tape.moving:
                yield span.name, _get(span, moving)

    def state(self) -> State:
        """Return the member's state, in full precision, in the format of PyTorch's programs."""
        found: State = {"steps": np.array(self.updates)}
        found |= {f"tensor/{k}": v for k, v in self._named(self._weights, self._moving)}
        for name, memory in zip(self._rule.memories, self._memories, strict=True):
            found |= {f"memory/{k}/{name}": v for k, v in self._named(memory, None)}
        if self.member.training.ema:
            found |= {f"average/{k}": v for k, v in self._named(*self._averages)}
        return shared(found, self._tape, averaged=bool(self.member.training.ema))

    def load(self, state: Mapping[str, Array]) -> None:
        """Restore the result of `state`, from here or from a program of PyTorch."""
        state = own(state, self._tape, averaged=bool(self.member.training.ema))
        self.updates = int(state["steps"])
        self._fill({k[7:]: v for k, v in state.items() if k[:7] == "tensor/"})
        for name, memory in zip(self._rule.memories, self._memories, strict=True):
            for span in self._tape.weights:
                if (key := f"memory/{span.name}/{name}") in state:  # PyTorch creates it when needed
                    _put(span, memory, state[key])
        if self.member.training.ema:
            weights, moving = self._averages
            for array, spans in ((weights, self._tape.weights), (moving, self._tape.moving)):
                for span in spans:
                    _put(span, array, state[f"average/{span.name}"])


def _put(span: Span, flat: Array, values: Array) -> None:
    """Write an array to its place; the padding of a kernel's panels is unchanged."""
    if span.deep:
        inputs, outputs = span.shape
        values = np.asarray(values)[:inputs, :outputs]
        packed(values, flat[span.at : span.at + span.size].reshape(-1, span.deep, WIDTH))
    else:
        flat[span.at : span.at + span.size] = np.asarray(values).reshape(-1)[: span.size]


def _get(span: Span, flat: Array) -> Array:
    """Return a copy of an array, in its own shape."""
    part = flat[span.at : span.at + span.size]
    if span.deep:
        return unpacked(part.reshape(-1, span.deep, WIDTH), *span.shape)
    return part.copy()
