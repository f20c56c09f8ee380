"""Keras `fit` on NumPy arrays, on TensorFlow or JAX; runs in the environment of the peers.

"default" is `fit` with its defaults (one step per execution, jit_compile="auto"). "best" is the
fastest of the settings that are tried briefly in preparation: 1 or 32 steps per execution and, on
TensorFlow, with XLA ("auto") or without.
"""

from __future__ import annotations

import itertools
import os
import sys
import time
from importlib.metadata import version
from typing import Any

import numpy as np

from protocol import CLASSES, Measured, Setup, images, main, timed

TRY_SECONDS = 0.5
STEPS = (1, 32)
LONG_STEP = 0.1
"""Seconds; 32 steps of this length in one execution save nothing and would take too long."""


class KerasPeer:
    """One model per setting; all of them read the same arrays."""

    def __init__(self, setup: Setup):
        os.environ["KERAS_BACKEND"] = setup.backend
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        import keras

        self.keras, self.setup = keras, setup
        self.models: dict[str, Any] = {}
        self.multiple: dict[str, int] = {}
        self.rate: dict[str, float] = {}

    def prepare(self) -> dict[str, Any]:
        """Compile and try every setting; the arrays are float32 in 0..1."""
        if self.setup.precision == "bfloat16":
            self.keras.mixed_precision.set_global_policy("mixed_bfloat16")
        pictures, labels = images(self.setup.side)
        self.x, self.y = pictures.astype(np.float32) / 255, labels
        jits = ("auto", False) if self.setup.backend == "tensorflow" else ("auto",)
        default = self._try(1, "auto")
        for steps, jit in itertools.product(STEPS, jits):
            long = self.setup.batch / self.rate[default] > LONG_STEP
            if (steps, jit) != (1, "auto") and not (steps > 1 and long):
                self._try(steps, jit)
        best = max(self.rate, key=lambda setting: self.rate[setting])
        self.setting = {"default": default, "best": best}
        return {
            "variants": ["default"] if best == default else ["default", "best"],
            "settings": self.setting,
            "tried": self.rate,
            "threads": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
            "versions": {name: version(name) for name in ("keras", self._package())},
        }

    def measure(self, variant: str) -> Measured:
        """Fit for the time asked for."""
        return self._fit(self.setting[variant], self.setup.seconds)

    def _package(self) -> str:
        return "jax" if self.setup.backend == "jax" else "tensorflow-cpu"

    def _try(self, steps: int, jit: str | bool) -> str:
        setting = f"steps_per_execution={steps}, jit_compile={jit}"
        model = _model(self.keras, self.setup)
        model.compile(
            loss="sparse_categorical_crossentropy",
            optimizer=self.keras.optimizers.SGD(0.01),
            metrics=["accuracy"],
            steps_per_execution=steps,
            jit_compile=jit,
        )
        self.models[setting], self.multiple[setting] = model, steps
        self._epochs(setting, steps)  # compiles
        self.rate[setting] = next(iter(self.rate.values()), 1.0)  # a guess: the default's
        measured = self._fit(setting, TRY_SECONDS)
        self.rate[setting] = measured.images / measured.seconds
        return setting

    def _fit(self, setting: str, seconds: float) -> Measured:
        batch = self.setup.batch
        guess = max(2, round(seconds * self.rate[setting] / batch))
        return timed(lambda steps: self._epochs(setting, steps), batch, guess, seconds)

    def _epochs(self, setting: str, steps: int) -> float:
        """Fit for `steps` steps, more or less; returns the seconds that exactly these would take.

        Only the time inside epochs counts, not that in which `fit` gets ready.
        """
        unit = self.multiple[setting]
        whole = len(self.x) // self.setup.batch // unit * unit
        once = min(whole, max(1, round(steps / unit)) * unit)
        epochs = max(1, round(steps / once))
        inside = Clock(self.keras)
        count = once * self.setup.batch
        self.models[setting].fit(
            self.x[:count],
            self.y[:count],
            batch_size=self.setup.batch,
            epochs=epochs,
            verbose=0,
            callbacks=[inside.callback],
        )
        return inside.seconds * steps / (once * epochs)


class Clock:
    """Sums the time inside epochs; batches are not timed, because `fit` may be asynchronous."""

    def __init__(self, keras: Any):
        self.seconds, self._began = 0.0, 0.0
        self.callback = keras.callbacks.LambdaCallback(
            on_epoch_begin=lambda epoch, logs: self._begin(),
            on_epoch_end=lambda epoch, logs: self._end(),
        )

    def _begin(self) -> None:
        self._began = time.perf_counter()

    def _end(self) -> None:
        self.seconds += time.perf_counter() - self._began


def _model(keras: Any, setup: Setup) -> Any:
    layers = keras.layers
    head = layers.Dense(CLASSES, activation="softmax", dtype="float32")
    start = keras.Input((setup.side, setup.side, 1))
    if "cnn" not in setup.model:
        hidden = [layers.Dense(units, activation="relu") for units in setup.hidden]
        return keras.Sequential([start, layers.Flatten(), *hidden, head])

    def convolution(filters: int, size: int) -> Any:
        return layers.Conv2D(filters, size, padding="same", activation="relu")

    if setup.model == "digits-cnn":
        chain = [start]
        for filters in (16, 32):
            chain += [convolution(filters, 3), layers.MaxPooling2D()]
        dense = [layers.Dense(64, activation="relu"), layers.Dropout(0.2)]
        return keras.Sequential([*chain, layers.Flatten(), *dense, head])
    chain = [start, convolution(64, 7), layers.MaxPooling2D()]
    for filters in (128, 256):
        chain += [convolution(filters, 3), convolution(filters, 3), layers.MaxPooling2D()]
    chain.append(layers.Flatten())
    for units in (128, 64):
        chain += [layers.Dense(units, activation="relu"), layers.Dropout(0.5)]
    return keras.Sequential([*chain, head])


if __name__ == "__main__":
    main(KerasPeer, ("tensorflow", "jax"))
