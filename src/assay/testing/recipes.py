"""Conformance tests for optimizers, schedules and augmentations."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["check_augmentation", "check_optimizer", "check_schedule"]

_SHAPE = (6, 4)


def check_optimizer(name: str, **settings: object) -> None:
    """Check an optimizer.

    The first step must decrease the loss, a stack must equal its members, the buffers must hold
    all of its state, and the steps of the torch and the numpy engine must agree.

    Args:
        settings: settings of the optimizer that differ from its defaults.
    """
    from assay.core.errors import EngineError
    from assay.engines.optimizers.optimizer import Optimizer

    optimizer = Optimizer.parse({"name": name, **settings})
    results = []
    for engine, steps in (("torch", _torch_steps), ("numpy", _numpy_steps)):
        try:
            type(optimizer).step_of(engine)
        except EngineError:
            continue
        results += [(engine, hidden, steps(optimizer, hidden)) for hidden in (None, _SHAPE)]
    assert results or optimizer.keras, f"{name} has a step for no engine"
    for engine, hidden, found in results:
        for other, same, expected in results:
            if hidden == same:
                said = f"the steps of the {engine} and the {other} engine differ"
                np.testing.assert_allclose(found, expected, 1e-6, 1e-9, err_msg=said)
    if any(engine == "torch" for engine, _, _ in results):
        _check_stack(optimizer)


def _gradients(count: int = 6) -> np.ndarray:
    return np.random.default_rng(1).normal(size=(count, *_SHAPE))


def _torch_steps(optimizer: Any, hidden: tuple[int, int] | None) -> np.ndarray:
    import torch

    from assay.engines.torch_engine.optimizers import Slot, update

    numbers = {**optimizer.numbers(hidden), "learning_rate": 0.01}
    slot = Slot(torch.full(_SHAPE, 0.1, dtype=torch.float64), numbers)
    for t, gradient in enumerate(_gradients()):
        before = slot.weight.clone()
        if t == 3:  # as from a checkpoint: the weight, the buffers and the count of steps are all
            state = {key: memory.clone() for key, memory in slot.state.items()}
            slot = Slot(before.clone(), numbers, state, slot.steps)
        given = torch.tensor(gradient)
        update(type(optimizer), [slot], [given], 1.0)
        assert torch.isfinite(slot.weight).all(), "a step is not finite"
        if t == 0:
            decay = 0.01 * getattr(optimizer, "weight_decay", 0.0)
            moved = slot.weight - before * (1 - decay)
            assert float((moved * torch.tensor(gradient)).sum()) < 0, (
                "the first step increases the loss"
            )
    whole = Slot(torch.full(_SHAPE, 0.1, dtype=torch.float64), numbers)
    for gradient in _gradients():
        update(type(optimizer), [whole], [torch.tensor(gradient)], 1.0)
    said = "a run resumed from a checkpoint differs: keep all state in slot.buffer"
    assert torch.equal(whole.weight, slot.weight), said
    return slot.weight.numpy()


def _numpy_steps(optimizer: Any, hidden: tuple[int, int] | None) -> np.ndarray:
    from assay.engines.numpy_engine.optimizers import ArraySlot

    slot = ArraySlot(np.full(_SHAPE, 0.1), optimizer, 0.01, hidden)
    for gradient in _gradients():
        slot.step(gradient, 1.0)
    return slot.weight


def _check_stack(optimizer: Any) -> None:
    import torch

    from assay.engines.torch_engine.optimizers import Slot, update
    from assay.engines.torch_engine.slots import EagerSlot

    each = [{**optimizer.numbers(_SHAPE), "learning_rate": rate} for rate in (0.01, 0.002)]
    start = torch.full((2, *_SHAPE), 0.1, dtype=torch.float64)
    stack = start.clone()
    together = EagerSlot(stack, None, type(optimizer), each)
    alone = [Slot(own.clone(), n) for own, n in zip(start, each, strict=True)]
    for gradient in _gradients():
        given = torch.tensor(np.stack([gradient, -2 * gradient]))
        together.update(given.clone(), 0.5)
        for slot, own in zip(alone, given, strict=True):
            update(type(optimizer), [slot], [own.clone()], 0.5)
    expected = torch.stack([slot.weight for slot in alone])
    said = "a member of a stack differs from itself alone: a rate is a tensor (S, 1, ...) there"
    np.testing.assert_allclose(stack.numpy(), expected.numpy(), 1e-7, 1e-12, err_msg=said)


def check_schedule(name: str, **settings: object) -> None:
    """Check a schedule: its factors must be finite and not negative for runs of any length, and
    its warm-up linear."""
    from assay.engines.schedules import Schedule

    for total, per_epoch in ((1, 1), (7, 3), (40, 10)):
        schedule = Schedule.parse({"name": name, **settings})
        factors = np.array([schedule.factor(t, total, per_epoch) for t in range(total)])
        assert np.isfinite(factors).all(), f"a factor is not finite: {factors}"
        assert (factors >= 0).all(), f"a factor is negative: {factors}"
    warm = Schedule.parse({"name": name, **settings, "warmup": 0.5})
    ramp = [warm.factor(t, 8, 4) for t in range(4)]
    assert ramp == [0.25, 0.5, 0.75, 1.0], f"the warm-up is not linear: {ramp}"


def check_augmentation(name: str, **settings: object) -> None:
    """Check an augmentation.

    Equal seeds must give equal changes, the random numbers must not depend on the pixels, images
    must keep their shape and type and stay finite, and soft targets must still sum to 1.
    """
    from assay.engines.augmentations import AUGMENTATIONS

    change = AUGMENTATIONS[name](**settings)
    for shape in ((5, 8, 8, 1), (3, 9, 7, 3)):
        images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
        states, found = [], []
        for given in (images, images, np.zeros_like(images)):
            rng = np.random.default_rng(3)
            targets = np.eye(4, dtype=np.float32)[np.arange(shape[0]) % 4]
            made, shares = change(given.copy(), targets, rng)
            found.append(made)
            states.append(rng.bit_generator.state)
        assert np.array_equal(found[0], found[1]), "equal seeds make different images"
        assert states[0] == states[2], "how much is drawn depends on the pixels"
        assert found[0].shape == shape, f"the shape became {found[0].shape}"
        assert found[0].dtype == np.float32, f"the type became {found[0].dtype}"
        assert np.isfinite(found[0]).all(), "a pixel is not finite"
        np.testing.assert_allclose(shares.sum(1), 1, 1e-6, err_msg="shares must add up to 1")
