"""`AssayClassifier`: a network described as in a study, as a scikit-learn classifier."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import (
    check_consistent_length,
    check_is_fitted,
    column_or_1d,
    validate_data,  # type: ignore[missing-module-attribute]  # newer than the checker's stubs
)

from assay.apps.sklearn.files import FittedClassifier, read_fitted, under_its_name, write_fitted
from assay.apps.sklearn.settings import (
    own_network,
    plain,
    read_parameters,
    read_seed,
    saved_name,
    with_key,
)
from assay.apps.sklearn.training import (
    Shape,
    check_held,
    image_shape,
    outputs,
    train_run,
    unfolded,
    written,
)
from assay.core.errors import ConfigError, DataError, unknown_name
from assay.core.records import Record
from assay.data.arrays import dataset_of, held_out
from assay.data.dataset import Split
from assay.engines.precision import resolve_precision
from assay.networks.modules import ENGINE_OF

__all__ = ["AssayClassifier"]


class AssayClassifier(ClassifierMixin, BaseEstimator):
    """A scikit-learn estimator that trains a network on images or on flat vectors.

    Parameters have the same names, values and defaults as in a study, except that the default
    optimizer is adam. `fit` checks them and reports all errors at once.

    Nested parameters use two underscores, as everywhere in scikit-learn:
    `set_params(optimizer__momentum=0.9, network__filters=[[16], [32]])`.

    Example:
        >>> from sklearn.datasets import load_digits
        >>> X, y = load_digits(return_X_y=True)
        >>> net = AssayClassifier(hidden=[64], random_state=0).fit(X, y)  # doctest: +SKIP
        >>> net.predict_proba(X[:5]).shape                                # doctest: +SKIP
        (5, 10)

    Args:
        network: a family ("mlp", "cnn", "layers", ...), a mapping {"family": ..., option: ...},
            or a class or function that returns a `torch.nn.Module` (with engine="keras", a Keras
            model), as an object or as the string "module:name".
        hidden: units of each hidden layer. This and the next six are options of the network;
            unless None, they override those in `network`.
        activation: "relu", "tanh", ...
        dropout: rate in [0, 1).
        batch_norm: whether to add batch norm before each activation.
        kernel_initializer, bias_initializer: a name or {"name": ..., setting: ...}.
        kernel_regularizer: "none", "l1", "l2", "l1_l2" or {"l1": strength, "l2": strength}.
        optimizer: a name or {"name": ..., setting: ...}.
        learning_rate: > 0; if None, Keras's default for the optimizer.
        schedule: learning-rate schedule, a name or {"name": ..., setting: ...}.
        batch_size: images per update.
        epochs: passes over the training images.
        steps: number of updates; replaces `epochs`.
        evaluate_every: steps between two points of `history_`; once per epoch if None.
        early_stopping: True, a patience in evaluations, or a mapping; uses the validation metric.
        augment: random changes to training images, {"shift": 2, "flip": True}.
        label_smoothing: share of each target, in [0, 1), spread evenly over all classes.
        ema: decay of the moving average of the weights; 0 disables it.
        swa: fraction of the updates after which the average of all later weights begins; None
            disables it.
        lookahead: slow weights that follow the optimizer, True, a number of updates or {"steps": 5,
            "step_size": 0.5}; None disables them.
        validation_fraction: fraction of the samples, in [0, 1), held out for the validation
            curves and early stopping; 0 trains on all samples, without these curves.
        normalize: normalisation of each channel: "standard", "center", "unit" or "none". A vector
            is one channel; scale features with different units first.
        shape: (height, width) or (height, width, channels) of the images that flat vectors
            contain; without it, they are images with one row, 1 x features x 1.
        engine: "torch", "numpy", "keras" or "module:callable".
        device: "auto", "cpu", "cuda", ..., for training and for `predict`.
        precision: "auto", "float32", "bfloat16" or "float64".
        random_state: a seed, a RandomState or None. Initial weights, batch order, dropout and the
            choice of validation samples depend on nothing else.

    Attributes:
        classes_: the sorted labels, (k,).
        history_: curves by name, each (evaluations,): "step", "epoch", "loss", "accuracy",
            "val_loss", "val_accuracy", "seconds".
        record_: the record of the run, as in a store: configuration, timing, weights.
        image_shape_: (height, width, channels) of the network's input.
        n_features_in_: height * width * channels.
        feature_names_in_: column names, if X had them.
    """

    classes_: np.ndarray
    history_: dict[str, np.ndarray]
    record_: Record
    image_shape_: Shape
    n_features_in_: int
    feature_names_in_: np.ndarray

    def __init__(
        self,
        network: object = "mlp",
        *,
        hidden: object = None,
        activation: str | None = None,
        dropout: float | None = None,
        batch_norm: bool | None = None,
        kernel_initializer: object = None,
        bias_initializer: object = None,
        kernel_regularizer: object = None,
        optimizer: object = "adam",
        learning_rate: float | None = None,
        schedule: object = None,
        batch_size: int = 32,
        epochs: int = 10,
        steps: int | None = None,
        evaluate_every: int | None = None,
        early_stopping: object = None,
        augment: object = None,
        label_smoothing: float = 0.0,
        ema: float = 0.0,
        swa: float | None = None,
        lookahead: object = None,
        validation_fraction: float = 0.1,
        normalize: str = "standard",
        shape: object = None,
        engine: str = "torch",
        device: str = "auto",
        precision: str = "auto",
        random_state: object = None,
    ):
        self.network = network
        self.hidden = hidden
        self.activation = activation
        self.dropout = dropout
        self.batch_norm = batch_norm
        self.kernel_initializer = kernel_initializer
        self.bias_initializer = bias_initializer
        self.kernel_regularizer = kernel_regularizer
        self.optimizer = optimizer
        self.learning_rate = learning_rate
        self.schedule = schedule
        self.batch_size = batch_size
        self.epochs = epochs
        self.steps = steps
        self.evaluate_every = evaluate_every
        self.early_stopping = early_stopping
        self.augment = augment
        self.label_smoothing = label_smoothing
        self.ema = ema
        self.swa = swa
        self.lookahead = lookahead
        self.validation_fraction = validation_fraction
        self.normalize = normalize
        self.shape = shape
        self.engine = engine
        self.device = device
        self.precision = precision
        self.random_state = random_state

    def set_params(self, **params: object) -> AssayClassifier:
        """Set parameters or nested parameters (`network__filters`); `fit` checks their values.

        Raises:
            ConfigError: there is no such parameter, or it has no nested parameters. In that case
                nothing is changed.
        """
        known = self.get_params(deep=False)
        changed: dict[str, Any] = {}
        for key in sorted(params, key=lambda key: "__" in key):  # whole parameters are set first
            name, *inner = key.split("__")
            if name not in known:
                raise ConfigError(unknown_name("parameter of AssayClassifier", name, known))
            old, new = changed.get(name, known[name]), params[key]
            changed[name] = with_key(name, old, inner, new) if inner else new
        for name, value in changed.items():
            setattr(self, name, value)
        return self

    def fit(
        self, X: object, y: object, validation_data: tuple[object, object] | None = None
    ) -> AssayClassifier:
        """Train the network from its initial weights.

        Args:
            X: images (n, h, w) or (n, h, w, channels), or vectors (n, features); uint8 stays
                uint8, anything else becomes float32 (float64 with that precision).
            y: labels (n,) of any type.
            validation_data: (X, y) for validation, instead of a fraction of the samples.

        Raises:
            ConfigError, NetworkError: invalid parameters; the message names all of them.
            DataError: there is only one class, or `shape` does not fit.
            EngineError: the engine cannot train this here, or the loss was not finite.
            ValueError, TypeError: raised by scikit-learn for arrays that are none of the above.
        """
        before = {name: value for name, value in vars(self).items() if name.endswith("_in_")}
        try:
            return self._fit(X, y, validation_data)
        except BaseException:  # what was fitted before still is
            vars(self).update(before)
            raise

    def _fit(self, X: object, y: object, validation_data: Any) -> AssayClassifier:
        config = read_parameters(self.get_params(deep=False))
        given, found = unfolded(X)
        rows, labels = validate_data(self, given, y, dtype=self._types(), order="C")
        check_held(given, rows)
        check_classification_targets(labels)
        asked = config["dataset"]
        shape = image_shape(rows.shape[1], found, asked["shape"])
        classes, targets = np.unique(labels, return_inverse=True)
        if len(classes) < 2:
            raise DataError(f"y must have at least two classes, got one class: {labels[0]}")
        config["seed"] = read_seed(self.random_state)
        data = Split(rows.reshape(-1, *shape), targets.astype(np.int64))
        judged = bool(asked["validation"]) or validation_data is not None
        if validation_data is not None:
            train, validation = data, self._validation(validation_data, classes, shape)
        elif judged:
            train, validation = held_out(data, asked["validation"], config["seed"])
        elif "early_stopping" in config["training"]:
            raise ConfigError(
                "early_stopping needs validation samples, but validation_fraction is 0"
            )
        else:  # engines need images to evaluate on; their curves are dropped below
            train, validation = data, Split(data.images[:1], data.targets[:1])
        names = [str(label) for label in classes]
        dataset = dataset_of(train, validation, names, asked["normalize"])
        config["dataset"] = dataset.spec
        device = str(self.device)
        config["precision"] = resolve_precision(config, device)
        record = train_run(config, dataset, device)
        self.classes_, self.image_shape_ = classes, shape
        self._keep(record if judged else _unjudged(record))
        return self

    def predict_proba(self, X: object) -> np.ndarray:
        """Probability of each class, (n, k), in the order of `classes_`."""
        check_is_fitted(self, "record_")
        images = self._images(X, self.image_shape_)
        found = outputs(self.record_, images, len(self.classes_), str(self.device))
        return softmax(found, axis=1)

    def predict(self, X: object) -> np.ndarray:
        """The most probable label of each sample, (n,)."""
        likely = self.predict_proba(X).argmax(1)
        return self.classes_[likely]

    def save(self, path: str | Path) -> None:
        """Save this fitted classifier to one safetensors file; `load` reads it.

        A `random_state` that is not a number is saved as the seed that it produced.

        Raises:
            DataError: the file cannot be written, the labels are neither strings nor numbers, or
                other programs cannot import the class of the network.
        """
        check_is_fitted(self, "record_")
        params = plain(self.get_params(deep=False))
        if not isinstance(params["random_state"], (int, type(None))):
            params["random_state"] = self.record_.seed
        record = self.record_
        if (family := record.config["network"]["family"]) in ENGINE_OF:
            params["network"] = own_network(params["network"], family, saved_name)
            record = under_its_name(record)
        names = getattr(self, "feature_names_in_", None)
        fitted = FittedClassifier(params, self.classes_, self.image_shape_, names, record)
        write_fitted(path, fitted)

    @classmethod
    def load(
        cls, path: str | Path, network: object = None, engine: str | None = None
    ) -> AssayClassifier:
        """Load a classifier from a file that `save` wrote; it makes the same predictions.

        A file never decides which code runs.

        Args:
            network: the class or function that makes the network, if it is the user's own.
            engine: the engine "module:callable" that fits it again, if it is the user's own.

        Raises:
            DataError: the file is missing, damaged or not such a file.
        """
        fitted = read_fitted(path, network, engine)
        known = cls().get_params(deep=False)
        for name in fitted.params:
            if name not in known:
                raise DataError(f"{path}: {unknown_name('parameter', name, known)}")
        made = cls(**fitted.params)
        made.classes_, made.image_shape_ = fitted.classes, fitted.image_shape
        made.n_features_in_ = int(np.prod(fitted.image_shape))
        if fitted.feature_names is not None:
            made.feature_names_in_ = fitted.feature_names
        made._keep(fitted.record)
        return made

    def _keep(self, record: Record) -> None:
        self.record_, self.history_ = record, record.curves

    def _types(self) -> list[type]:
        """Number formats of X that are kept; all others are converted to the first."""
        return [np.float64 if self.precision == "float64" else np.float32, np.uint8]

    def _images(self, X: Any, shape: Shape) -> np.ndarray:
        """Return X as images of this shape, or raise ValueError."""
        rows, found = unfolded(X)
        if found is not None and found != shape:
            said = f"{written(shape)} or vectors of {self.n_features_in_} features"
            raise DataError(f"X contains images of {written(found)}, expected images of {said}")
        rows = validate_data(self, rows, reset=False, dtype=self._types(), order="C")
        return rows.reshape(-1, *shape)

    def _validation(self, pair: Any, classes: np.ndarray, shape: Shape) -> Split:
        """Return the given validation samples; their labels must occur in training."""
        if not isinstance(pair, (tuple, list)) or len(pair) != 2:
            raise DataError(f"validation_data must be a pair (X, y), got {type(pair).__name__}")
        images, labels = self._images(pair[0], shape), column_or_1d(pair[1], warn=True)
        check_consistent_length(images, labels)
        strange = np.setdiff1d(labels, classes)
        if len(strange):
            raise DataError(f"validation_data has labels that are not in y: {strange.tolist()}")
        return Split(images, np.searchsorted(classes, labels).astype(np.int64))


def _unjudged(record: Record) -> Record:
    """Return a record without the metrics of the placeholder validation part."""
    curves = {k: v for k, v in record.curves.items() if not k.startswith("val_")}
    metrics = {k: v for k, v in record.metrics.items() if not k.startswith("val_")}
    return replace(record, curves=curves, metrics=metrics)
