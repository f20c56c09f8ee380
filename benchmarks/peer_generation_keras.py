"""The same GAN and VAE in Keras on TensorFlow: `fit` with a custom `train_step`, as in Keras's
guides; runs in the environment of the peers.

"best" is the faster of jit_compile on and off, tried briefly.
"""

from __future__ import annotations

import os
import sys
from importlib.metadata import version
from typing import Any

import numpy as np

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import tensorflow as tf
from keras import layers

from peer_keras import Clock
from protocol import Measured, Setup, main, timed

IMAGES = 2048
LATENT = {"gan": 128, "vae": 32}


def maker(latent: int) -> Any:
    """The generator, or decoder."""
    chain = [keras.Input((latent,)), layers.Dense(1024), layers.LeakyReLU(0.3)]
    chain.append(layers.Reshape((2, 2, 256)))
    for _ in range(5):
        chain += [layers.Conv2DTranspose(128, 3, 2, padding="same"), layers.LeakyReLU(0.3)]
    chain.append(layers.Conv2D(3, 3, padding="same", activation="tanh", dtype="float32"))
    return keras.Sequential(chain)


def halving(noise: float) -> list[Any]:
    """Five convolutions of stride 2."""
    chain: list[Any] = [keras.Input((64, 64, 3))]
    for _ in range(5):
        chain += [layers.Conv2D(128, 3, 2, padding="same"), layers.LeakyReLU(0.3)]
        chain += [layers.GaussianNoise(noise)] if noise else []
    return [*chain, layers.Flatten()]


class GAN(keras.Model):
    """Least squares, the discriminator first; one batch of made pictures serves both updates."""

    def __init__(self) -> None:
        super().__init__()
        self.maker = maker(LATENT["gan"])
        score = layers.Dense(1, dtype="float32")
        self.judge = keras.Sequential([*halving(0.01), score])
        self.second = keras.optimizers.Adam(2e-4, beta_1=0.5)

    def train_step(self, real: Any) -> dict[str, Any]:
        count = tf.shape(real)[0]
        points = tf.random.normal((count, LATENT["gan"]))
        with tf.GradientTape() as making:
            made = self.maker(points, training=True)
            with tf.GradientTape() as judging:
                both = tf.concat([real, tf.stop_gradient(made)], 0)
                scores = self.judge(both, training=True)
                wanted = tf.concat([tf.ones((count, 1)), tf.zeros((count, 1))], 0)
                d_loss = tf.reduce_mean(tf.square(scores - wanted))
            weights = self.judge.trainable_variables
            self.second.apply_gradients(
                zip(judging.gradient(d_loss, weights), weights, strict=True)
            )
            again = self.judge(made, training=True)
            g_loss = tf.reduce_mean(tf.square(again - 1))
        weights = self.maker.trainable_variables
        self.optimizer.apply_gradients(zip(making.gradient(g_loss, weights), weights, strict=True))
        return {"g_loss": g_loss, "d_loss": d_loss}


class VAE(keras.Model):
    """Squared error plus the divergence."""

    def __init__(self) -> None:
        super().__init__()
        self.trunk = keras.Sequential([*halving(0.0), layers.Dense(64), layers.LeakyReLU(0.3)])
        self.mean = layers.Dense(LATENT["vae"], dtype="float32")
        self.spread = layers.Dense(LATENT["vae"], dtype="float32")
        self.maker = maker(LATENT["vae"])

    def train_step(self, real: Any) -> dict[str, Any]:
        with tf.GradientTape() as tape:
            seen = self.trunk(real, training=True)
            mean, spread = self.mean(seen), self.spread(seen)
            points = mean + tf.exp(spread / 2) * tf.random.normal(tf.shape(mean))
            made = self.maker(points, training=True)
            error = tf.reduce_sum(tf.square(made - real), (1, 2, 3)) / 4
            divergence = -tf.reduce_sum(1 + spread - tf.square(mean) - tf.exp(spread), 1) / 2
            loss = tf.reduce_mean(error + divergence)
        weights = self.trainable_variables
        self.optimizer.apply_gradients(zip(tape.gradient(loss, weights), weights, strict=True))
        return {"loss": loss}


class KerasGeneration:
    """One model with and one without XLA; both read the same array."""

    def __init__(self, setup: Setup):
        self.setup = setup
        self.models: dict[str, Any] = {}
        self.rate: dict[str, float] = {}

    def prepare(self) -> dict[str, Any]:
        """Compile and try both."""
        if self.setup.precision == "bfloat16":
            keras.mixed_precision.set_global_policy("mixed_bfloat16")
        rng = np.random.default_rng(0)
        self.images = rng.uniform(-1, 1, (IMAGES, 64, 64, 3)).astype(np.float32)
        for jit in (False, True):
            name = f"jit_compile={jit}"
            model = GAN() if self.setup.model == "gan" else VAE()
            rate = {"gan": (2e-4, 0.5), "vae": (1e-3, 0.9)}[self.setup.model]
            optimizer = keras.optimizers.Adam(rate[0], beta_1=rate[1])
            model.compile(optimizer=optimizer, jit_compile=jit)
            self.models[name] = model
            self._fit(name, 2)  # compiles
            self.rate[name] = 2 * self.setup.batch / self._fit(name, 2)
        self.best = max(self.rate, key=lambda name: self.rate[name])
        return {
            "variants": ["best"],
            "settings": {"best": self.best},
            "tried": self.rate,
            "threads": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
            "versions": {name: version(name) for name in ("keras", "tensorflow-cpu")},
        }

    def measure(self, variant: str) -> Measured:
        """Fit for the time asked for."""
        batch = self.setup.batch
        return timed(lambda steps: self._fit(self.best, steps), batch, 4, self.setup.seconds)

    def _fit(self, name: str, steps: int) -> float:
        """Seconds of so many steps; only the time inside epochs counts."""
        whole = IMAGES // self.setup.batch
        once = min(whole, steps)
        epochs = max(1, round(steps / once))
        inside = Clock(keras)
        self.models[name].fit(
            self.images[: once * self.setup.batch],
            batch_size=self.setup.batch,
            epochs=epochs,
            verbose=0,
            callbacks=[inside.callback],
        )
        return inside.seconds * steps / (once * epochs)


if __name__ == "__main__":
    main(KerasGeneration, models=tuple(LATENT))
