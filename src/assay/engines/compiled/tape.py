"""A network as numbers: a table of operations, and positions in flat arrays."""

from __future__ import annotations

from dataclasses import dataclass, field
from math import prod
from typing import Any

import numpy as np

from assay.engines.compiled.activations import CODES, NEEDS_INPUT
from assay.engines.compiled.products import apart, whole
from assay.engines.compiled.tiles import ROWS, WIDTH
from assay.engines.streams import mask_numbers
from assay.networks import layers
from assay.networks.layers import room as stack_room
from assay.networks.network import LayerPlace, Network

__all__ = ["Span", "Tape", "tape_of"]

DENSE, ACTIVATION, DROPOUT, BATCH_NORM = range(4)
"""Kinds of operations."""

(
    KIND,
    X_AT, X_ROW, INPUTS,  # position of x, distance of its rows, its features
    Y_AT, Y_ROW, OUTPUTS,
    DY, DX,  # where the gradients for y and x are
    WEIGHT, SHIFT,  # kernel and bias, or gamma and beta; -1: there is none
    DEEP,  # rows of the kernel's panels
    AUX, INVERSE,  # mask or normal numbers; 1 / deviation, with mean and variance behind it
    CODE, CHANNELS,  # which activation; numbers that softmax and batch norm take together
    KEY, THRESHOLD,  # of dropout
    MOVING,  # moving mean, and behind it the variance
    CALL_FORWARD, CALL_BACKWARD,  # addresses of what does it
    COLUMNS,
) = range(22)  # fmt: skip
SCALE, MOMENTUM, EPSILON, FLOATS = 0, 0, 1, 2
"""Columns of the numbers of an operation: the scale of dropout, or the constants of batch norm."""

(
    ROW_COUNT, TRAINING, NEEDED,  # images of the batch; 1 or 0; whether dx is wanted
    UPDATES,  # before this one
    RULE, MEMORIES, NUMBERS_AT,  # address of the update rule, what it remembers, what it is told
    TURNED_ROW, PRODUCT_AT, PIECE_AT, SMALL_AT,  # places in the scratch memory
    STEP,
) = range(12)  # fmt: skip
"""Positions of the values of a step."""

RULE_NUMBERS = 8

EVALUATED = 128
"""Minimum number of rows at a time in evaluation."""


@dataclass(frozen=True)
class Span:
    """Position of an array: `at` in the weights or the moving statistics; kernels have `deep` > 0.

    Attributes:
        room: its shape in a stack, padded for wider members; see `networks.layers.room`.
    """

    name: str
    at: int
    shape: tuple[int, ...]
    room: tuple[int, ...]
    deep: int = 0

    @property
    def size(self) -> int:
        """Number of its entries."""
        if not self.deep:
            return self.shape[0]
        return whole(self.shape[1], WIDTH) * self.deep


@dataclass
class Tape:
    """A network of one member as numbers.

    Attributes:
        table, floats: the operations; see the columns above.
        lowest: the first operation with weights.
        weights, moving: spans of the trained arrays and of the moving statistics.
        weight_count, moving_count, work_count: lengths of the flat arrays.
        rates: names of the dropout layers, in order, with their rates.
        penalties: operation -> (l1, l2) of its kernel.
        batch, rows: images of a batch, and rows of one evaluation.
        wide: features of the widest layer.
    """

    batch: int
    rows: int
    dtype: np.dtype
    weights: list[Span] = field(default_factory=list)
    moving: list[Span] = field(default_factory=list)
    rates: dict[str, float] = field(default_factory=dict)
    penalties: dict[int, tuple[float, float]] = field(default_factory=dict)
    operations: list[list[int]] = field(default_factory=list)
    numbers: list[tuple[float, float]] = field(default_factory=list)
    weight_count: int = 0
    moving_count: int = 0
    work_count: int = 0
    wide: int = 0

    def add_weight(
        self, name: str, shape: tuple[int, ...], room: tuple[int, ...], deep: int = 0
    ) -> int:
        """Add a trained array, aligned to a tile; return its position."""
        span = Span(name, self.weight_count, shape, room, deep)
        self.weights.append(span)
        self.weight_count += whole(span.size, WIDTH)
        return span.at

    def add_moving(self, name: str, count: int, room: int) -> int:
        """Add a moving statistic; return its position."""
        self.moving.append(Span(name, self.moving_count, (count,), (1, room)))
        self.moving_count += count
        return self.moving[-1].at

    def room(self, features: int, rows: int) -> int:
        """Reserve memory for rows of so many features; return its position."""
        at = self.work_count
        self.work_count += whole(rows, ROWS) * apart(features)
        self.wide = max(self.wide, features)
        return at

    @property
    def table(self) -> np.ndarray:
        """Return the operations as int64 (n, COLUMNS)."""
        return np.array(self.operations, np.int64).reshape(-1, COLUMNS)

    @property
    def floats(self) -> np.ndarray:
        """Return their numbers (n, FLOATS)."""
        return np.array(self.numbers, self.dtype).reshape(-1, FLOATS)

    @property
    def lowest(self) -> int:
        """Return the first operation with weights, or the number of operations."""
        learn = [i for i, op in enumerate(self.operations) if op[WEIGHT] >= 0]
        return learn[0] if learn else len(self.operations)


def tape_of(network: Network, batch: int, dtype: np.dtype) -> tuple[Tape, int]:
    """Return the tape of a network with one head, and the position of its input.

    Args:
        batch: the largest training batch.
    """
    tape = Tape(batch, max(batch, EVALUATED), dtype)
    place = at = tape.room(prod(network.input_shape), tape.rows)
    producer, room = "input", network.input_shape
    standings = list(network.places())
    last = max(i for i, s in enumerate(standings) if isinstance(s.layer, layers.Dense))
    for i, standing in enumerate(standings):
        before, layer = room, standing.layer
        if isinstance(layer, layers.Dense):
            room = (layer.units if i == last else stack_room(layer.units),)
        if isinstance(layer, layers.Flatten):
            room = (prod(room),)
        else:
            at, producer = _add(tape, standing, at, producer, (before[-1], room[-1]))
    _place_gradients(tape)
    return tape, place


def _add(
    tape: Tape, standing: LayerPlace, x_at: int, producer: str, room: tuple[int, int]
) -> tuple[int, str]:
    """Add an operation; return the position of its output, and itself as producer.

    Args:
        producer: the operation that produced x; only some outputs are not needed by their producer.
        room: features of x and y in a stack.
    """
    layer: Any = standing.layer
    inputs, outputs = prod(standing.input_shape), prod(standing.output_shape)
    op = [-1] * COLUMNS
    op[X_AT], op[X_ROW], op[INPUTS], op[OUTPUTS] = x_at, apart(inputs), inputs, outputs
    op[Y_ROW], op[CHANNELS] = apart(outputs), standing.output_shape[-1]
    numbers = (0.0, 0.0)
    free = producer != "activation"
    if isinstance(layer, layers.Dense):
        op[KIND], op[Y_AT], op[DEEP] = DENSE, tape.room(outputs, tape.rows), whole(inputs, ROWS)
        op[WEIGHT] = tape.add_weight(f"{standing.name}.kernel", (inputs, outputs), room, op[DEEP])
        if layer.use_bias:
            op[SHIFT] = tape.add_weight(f"{standing.name}.bias", (outputs,), (1, room[1]))
        penalty = layer.kernel_regularizer
        tape.penalties[len(tape.operations)] = penalty.l1, penalty.l2
    elif isinstance(layer, layers.Activation):
        in_place = free and layer.function not in NEEDS_INPUT
        op[KIND], op[CODE] = ACTIVATION, CODES[layer.function]
        op[Y_AT] = x_at if in_place else tape.room(outputs, tape.rows)
    elif isinstance(layer, layers.Dropout):
        op[KIND], op[AUX] = DROPOUT, tape.room(inputs, tape.batch)
        op[Y_AT] = x_at if free else tape.room(outputs, tape.rows)
        threshold, scale = mask_numbers(layer.rate)
        op[KEY], op[THRESHOLD] = len(tape.rates), int(threshold)
        tape.rates[standing.name] = layer.rate
        numbers = (float(scale), 0.0)
    else:
        op[KIND], op[AUX] = BATCH_NORM, tape.room(inputs, tape.rows)
        channels = op[CHANNELS]
        op[INVERSE] = tape.room(3 * channels, 1)
        op[Y_AT] = x_at if free else tape.room(outputs, tape.rows)
        op[WEIGHT] = tape.add_weight(f"{standing.name}.gamma", (channels,), (1, room[1]))
        op[SHIFT] = tape.add_weight(f"{standing.name}.beta", (channels,), (1, room[1]))
        op[MOVING] = tape.add_moving(f"{standing.name}.moving_mean", channels, room[1])
        tape.add_moving(f"{standing.name}.moving_variance", channels, room[1])
        numbers = (layer.momentum, layer.epsilon)
    tape.operations.append(op)
    tape.numbers.append(numbers)
    return op[Y_AT], "activation" if op[KIND] == ACTIVATION else "other"


def _place_gradients(tape: Tape) -> None:
    """Assign two buffers for gradients, between which products alternate; the rest is in place."""
    places = [tape.room(tape.wide, tape.batch) for _ in range(2)]
    turn = 0
    for op in reversed(tape.operations):
        op[DY] = places[turn]
        if op[KIND] == DENSE:
            turn = 1 - turn
        op[DX] = places[turn]
