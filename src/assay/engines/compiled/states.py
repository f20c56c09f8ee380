"""The state of a run in the format of PyTorch's programs, so that either resumes from the other.

A stack is padded with zeros for wider members. A run with an average of its weights is a module
there, whose weights and averages are numbered.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from assay.engines.compiled.tape import Span, Tape

__all__ = ["own", "shared"]

State = dict[str, np.ndarray]


def shared(state: State, tape: Tape, averaged: bool) -> State:
    """Return a program's state with the names and shapes of PyTorch's programs."""
    return _as_module(state, tape) if averaged else _as_stack(state, tape)


def own(state: Mapping[str, np.ndarray], tape: Tape, averaged: bool) -> State:
    """Undo `shared`; arrays of a stack keep their padding."""
    return _from_module(state, tape) if averaged else dict(state)


def _as_stack(state: State, tape: Tape) -> State:
    rooms = {span.name: span.room for span in (*tape.weights, *tape.moving)}
    found = {}
    for name, array in state.items():
        kind, _, rest = name.partition("/")
        span = rest.partition("/")[0]
        found[name] = _filled(array, rooms[span]) if kind in ("tensor", "memory") else array
    rates = {f"tensor/{n}.rate": np.full((1, 1), r, np.float32) for n, r in tape.rates.items()}
    return found | rates


def _filled(array: np.ndarray, room: tuple[int, ...]) -> np.ndarray:
    whole = np.zeros(room, array.dtype)
    rows, columns = np.atleast_2d(array).shape
    whole[:rows, :columns] = array
    return whole


def _names(tape: Tape) -> list[str]:
    """Return weights and moving statistics in the order in which a module numbers its averages."""
    spans: list[Span] = [*tape.weights, *tape.moving]
    order = list(dict.fromkeys(span.name.rpartition(".")[0] for span in tape.weights))
    return [s.name for s in sorted(spans, key=lambda s: order.index(s.name.rpartition(".")[0]))]


def _as_module(state: State, tape: Tape) -> State:
    found = {name: array for name, array in state.items() if name.startswith("tensor/")}
    for i, span in enumerate(tape.weights):
        found[f"slot/{i}/steps"] = state["steps"]
        start = f"memory/{span.name}/"
        memory = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
        found |= {f"slot/{i}/state/{name}": array for name, array in memory.items()}
    found |= {f"average/{i}": state[f"average/{name}"] for i, name in enumerate(_names(tape))}
    return found | {"average/updates": state["steps"]}


def _from_module(state: Mapping[str, np.ndarray], tape: Tape) -> State:
    found = {name: array for name, array in state.items() if name.startswith("tensor/")}
    for i, span in enumerate(tape.weights):
        start = f"slot/{i}/state/"
        memory = {k.removeprefix(start): v for k, v in state.items() if k.startswith(start)}
        found |= {f"memory/{span.name}/{name}": array for name, array in memory.items()}
    found |= {f"average/{name}": state[f"average/{i}"] for i, name in enumerate(_names(tape))}
    return found | {"steps": state["average/updates"]}
