"""KerasTuner or Optuna searches an MLP with Keras on TensorFlow; runs in the environment of the
peers, on arrays that `search.py` wrote. Prints one JSON line.

The space is that of assay's built-in study `hyperband-mlp`, with two learning rates. Each tuner
works as its documentation shows it; Optuna prunes with its HyperbandPruner, fed by a callback after
every epoch.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import tempfile
import time
from typing import Any

import numpy as np

os.environ["KERAS_BACKEND"] = "tensorflow"
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

TUNERS = ("keras-tuner-hyperband", "keras-tuner-bayesian", "optuna-hyperband")
FACTOR = 3


def build(choose: Any) -> Any:
    """A compiled model from what a tuner chooses: choose(name, values)."""
    import keras

    layers = choose("layers", [2, 3, 4, 5])
    activation, dropout = (
        choose("activation", ["relu", "tanh"]),
        choose("dropout", [0.0, 0.1, 0.2, 0.3]),
    )
    model = keras.Sequential([keras.layers.Input((28, 28)), keras.layers.Flatten()])
    for i in range(layers):
        model.add(keras.layers.Dense(choose(f"units_{i}", [256, 384, 512]), activation=activation))
        model.add(keras.layers.Dropout(dropout))
    model.add(keras.layers.Dense(10, activation="softmax"))
    kinds = {"adam": keras.optimizers.Adam, "sgd": keras.optimizers.SGD}
    kind = choose("optimizer", list(kinds))
    rate = choose("learning_rate", [0.01, 0.0001])
    model.compile(kinds[kind](rate), "sparse_categorical_crossentropy", metrics=["accuracy"])
    return model


def keras_tuner(
    name: str, data: dict[str, np.ndarray], epochs: int, budget: int, seed: int
) -> dict:
    """Best validation accuracy, trials and epochs trained."""
    import keras
    import keras_tuner

    seen = {"epochs": 0}

    def model(hp: Any) -> Any:
        return build(lambda key, values: hp.Choice(key, values))

    def count(epoch: int, logs: Any) -> None:
        seen["epochs"] += 1

    with tempfile.TemporaryDirectory() as folder:
        common = {"objective": "val_accuracy", "seed": seed, "directory": folder, "overwrite": True}
        if name == "keras-tuner-hyperband":
            tuner = keras_tuner.Hyperband(model, max_epochs=epochs, factor=FACTOR, **common)
            more = {}
        else:
            trials = max(1, round(budget / epochs))
            tuner = keras_tuner.BayesianOptimization(model, max_trials=trials, **common)
            more = {"epochs": epochs}
        tuner.search(
            data["x"], data["y"], validation_data=(data["vx"], data["vy"]), batch_size=32,
            verbose=0, callbacks=[keras.callbacks.LambdaCallback(on_epoch_end=count)], **more,
        )  # fmt: skip
        best = tuner.oracle.get_best_trials(1)[0]
        return {"val_accuracy": float(best.score), "trials": len(tuner.oracle.trials),
                "epochs": seen["epochs"], "best": best.hyperparameters.values}  # fmt: skip


def optuna_hyperband(data: dict[str, np.ndarray], epochs: int, budget: int, seed: int) -> dict:
    """Trials are proposed by TPE and pruned until the budget of epochs is used."""
    import keras
    import optuna

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    seen = {"epochs": 0}

    def objective(trial: Any) -> float:
        model = build(lambda key, values: trial.suggest_categorical(key, values))
        best = 0.0

        def report(epoch: int, logs: Any) -> None:
            nonlocal best
            seen["epochs"] += 1
            best = max(best, logs["val_accuracy"])
            trial.report(logs["val_accuracy"], epoch + 1)
            if trial.should_prune():
                raise optuna.TrialPruned

        told = keras.callbacks.LambdaCallback(on_epoch_end=report)
        model.fit(data["x"], data["y"], batch_size=32, epochs=epochs, verbose=0,
                  validation_data=(data["vx"], data["vy"]), callbacks=[told])  # fmt: skip
        return best

    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=seed),
        pruner=optuna.pruners.HyperbandPruner(1, epochs, FACTOR),
    )
    while seen["epochs"] < budget:
        study.optimize(objective, n_trials=1)
    return {"val_accuracy": float(study.best_value), "trials": len(study.trials),
            "epochs": seen["epochs"], "best": study.best_params}  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("tuner", choices=TUNERS)
    parser.add_argument("data", help=".npz with x, y, vx, vy")
    parser.add_argument("--epochs", type=int, required=True, help="of one trial, at most")
    parser.add_argument("--budget", type=int, required=True, help="epochs of all trials together")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    import keras

    with np.load(given.data, allow_pickle=False) as file:
        data = {name: file[name] for name in file.files}
    for name in ("x", "vx"):
        data[name] = data[name].astype(np.float32) / 255
    keras.utils.set_random_seed(given.seed)
    began = time.perf_counter()
    arguments = (data, given.epochs, given.budget, given.seed)
    if given.tuner == "optuna-hyperband":
        found = optuna_hyperband(*arguments)
    else:
        found = keras_tuner(given.tuner, *arguments)
    found |= {"tuner": given.tuner, "seed": given.seed, "seconds": time.perf_counter() - began}
    print(json.dumps(found, default=float), file=sys.stdout)


if __name__ == "__main__":
    main()
