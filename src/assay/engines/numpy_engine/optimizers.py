"""Update rules, as Keras 3 defines them. w is the weight, g its gradient, r the learning rate.

Where PyTorch's own rules differ: epsilon stands inside the root in rmsprop, adagrad and adadelta
and beside the uncorrected root in adam; adagrad's sum starts at 0.1; momentum accumulates steps,
with the rate inside.

Everything happens in place. A rule may write over the gradient, which the next step computes
anew; `t` is memory of the weight's shape for what lies between.
"""

from __future__ import annotations

from math import sqrt

import numpy as np

from assay.engines.training import Optimizer

__all__ = ["RULES", "Rule"]

Array = np.ndarray


class Rule:
    """One weight's update rule and its memory.

    Args:
        w: the weight, changed in place by `step`.
        optimizer: the rule's settings.
    """

    def __init__(self, w: Array, optimizer: Optimizer):
        self.w, self.settings, self.steps = w, optimizer, 0
        self.t = np.empty_like(w)

    def memory(self) -> dict[str, Array]:
        """What the rule remembers besides the weight, by name."""
        return {
            name: array
            for name, array in vars(self).items()
            if isinstance(array, np.ndarray) and name not in ("w", "t")
        }

    def step(self, g: Array, r: float) -> None:
        """Change w by one step; g may be written over."""
        raise NotImplementedError

    def average(self, a: Array, g: Array, rho: float) -> None:
        """a <- rho a + (1 - rho) g^2."""
        t = np.multiply(g, g, out=self.t)
        t *= 1 - rho
        a *= rho
        a += t


class SGD(Rule):
    """w <- w - r g; with momentum m: v <- m v - r g, then w <- w + v, or w <- w + m v - r g with
    Nesterov's.

    References:
        B. Polyak, "Some methods of speeding up the convergence of iteration methods", 1964;
        I. Sutskever et al., "On the importance of initialization and momentum in deep learning",
        ICML 2013 (Nesterov's).
    """

    def __init__(self, w: Array, optimizer: Optimizer):
        super().__init__(w, optimizer)
        self.v = np.zeros_like(w) if optimizer.momentum else None

    def step(self, g: Array, r: float) -> None:
        g *= r
        if self.v is None:
            self.w -= g
            return
        self.v *= self.settings.momentum
        self.v -= g
        if self.settings.nesterov:
            self.w += np.multiply(self.v, self.settings.momentum, out=self.t)
            self.w -= g
        else:
            self.w += self.v


class RMSprop(Rule):
    """v <- rho v + (1 - rho) g^2; w <- w - r g / sqrt(v + epsilon); with momentum m:
    u <- m u + r g / sqrt(v + epsilon), then w <- w - u.

    References:
        T. Tieleman and G. Hinton, lecture 6.5 of "Neural Networks for Machine Learning", 2012.
    """

    def __init__(self, w: Array, optimizer: Optimizer):
        super().__init__(w, optimizer)
        self.v = np.zeros_like(w)
        self.u = np.zeros_like(w) if optimizer.momentum else None

    def step(self, g: Array, r: float) -> None:
        self.average(self.v, g, self.settings.rho)
        root = np.add(self.v, self.settings.epsilon, out=self.t)
        np.sqrt(root, out=root)
        g /= root
        g *= r
        if self.u is not None:
            self.u *= self.settings.momentum
            self.u += g
            g = self.u
        self.w -= g


class Adagrad(Rule):
    """a <- a + g^2 from a start value; w <- w - r g / sqrt(a + epsilon).

    References:
        J. Duchi et al., "Adaptive Subgradient Methods", JMLR 12, 2011.
    """

    def __init__(self, w: Array, optimizer: Optimizer):
        super().__init__(w, optimizer)
        self.a = np.full_like(w, optimizer.initial_accumulator_value)

    def step(self, g: Array, r: float) -> None:
        self.a += np.multiply(g, g, out=self.t)
        root = np.add(self.a, self.settings.epsilon, out=self.t)
        np.sqrt(root, out=root)
        g /= root
        g *= r
        self.w -= g


class Adadelta(Rule):
    """v <- rho v + (1 - rho) g^2; c = g sqrt((u + epsilon) / (v + epsilon));
    u <- rho u + (1 - rho) c^2; w <- w - r c.

    References:
        M. Zeiler, "ADADELTA: An Adaptive Learning Rate Method", 2012.
    """

    def __init__(self, w: Array, optimizer: Optimizer):
        super().__init__(w, optimizer)
        self.v, self.u = np.zeros_like(w), np.zeros_like(w)

    def step(self, g: Array, r: float) -> None:
        rho, epsilon = self.settings.rho, self.settings.epsilon
        self.average(self.v, g, rho)
        ratio = np.add(self.u, epsilon, out=self.t)
        ratio /= self.v + epsilon
        g *= np.sqrt(ratio, out=ratio)
        self.average(self.u, g, rho)
        g *= r
        self.w -= g


class Adam(Rule):
    """m <- beta_1 m + (1 - beta_1) g; v <- beta_2 v + (1 - beta_2) g^2;
    w <- w - r c m / (sqrt(v) + epsilon), with c = sqrt(1 - beta_2^t) / (1 - beta_1^t) at step t.

    References:
        D. Kingma and J. Ba, "Adam", ICLR 2015 (the form at the end of its section 2).
    """

    def __init__(self, w: Array, optimizer: Optimizer):
        super().__init__(w, optimizer)
        self.m, self.v = np.zeros_like(w), np.zeros_like(w)

    def step(self, g: Array, r: float) -> None:
        self.steps += 1
        s = self.settings
        self.average(self.v, g, s.beta_2)
        g *= 1 - s.beta_1
        self.m *= s.beta_1
        self.m += g
        root = np.sqrt(self.v, out=self.t)
        root += s.epsilon
        c = sqrt(1 - s.beta_2**self.steps) / (1 - s.beta_1**self.steps)
        change = np.divide(self.m, root, out=root)
        change *= r * c
        self.w -= change


class AdamW(Adam):
    """w <- w - r weight_decay w, then Adam's step.

    References:
        I. Loshchilov and F. Hutter, "Decoupled Weight Decay Regularization", ICLR 2019.
    """

    def step(self, g: Array, r: float) -> None:
        self.w *= 1 - r * self.settings.weight_decay
        super().step(g, r)


RULES: dict[str, type[Rule]] = {
    "sgd": SGD,
    "rmsprop": RMSprop,
    "adagrad": Adagrad,
    "adadelta": Adadelta,
    "adam": Adam,
    "adamw": AdamW,
}
"""By their Keras names."""
