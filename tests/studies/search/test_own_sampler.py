"""What a user's own sampler proposes must be in the space, and its errors say where they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from small_search import study

from assay.core.errors import ConfigError
from assay.studies.search.samplers.own import make_sampler
from assay.studies.search.samplers.sampler import SAMPLERS, Asked, Kind

SPACE = study(
    {
        "training.learning_rate": {"float": [0.001, 0.1], "log": True},
        "training.batch_size": {"int": [10, 40], "step": 10},
        "network.activation": ["relu", "tanh"],
    }
).space
POINT = {"training.learning_rate": 0.01, "training.batch_size": 20, "network.activation": "relu"}


class Own:
    """Proposes what a test says."""

    given: Callable[[], Any]

    def __init__(self, space, seed, higher_is_better):
        assert seed < 9

    def ask(self):
        return type(self).given()

    def report(self, asked, epochs, value):
        raise KeyError("report")

    def tell(self, asked, value, *, stopped=False):
        raise KeyError("tell")


@pytest.fixture(autouse=True)
def registered() -> Iterator[None]:
    SAMPLERS.add("own")(Kind(Own))
    yield
    del SAMPLERS._entries["own"]


def asked(given: Callable[[], Any]) -> Any:
    Own.given = given
    return make_sampler("own", SPACE, 0, True).ask()


def test_numbers_of_numpy_are_numbers():
    rate, size = np.float64(0.05), np.int64(30)
    point = asked(
        lambda: Asked({**POINT, "training.learning_rate": rate, "training.batch_size": size}, "t")
    )
    assert point == Asked({**POINT, "training.learning_rate": 0.05, "training.batch_size": 30}, "t")
    assert [type(v) for v in point.values.values()] == [float, int, str]


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            {"training.learning_rate": 5.0},
            "training.learning_rate: 5.0, expected a number from 0.001",
        ),
        (
            {"training.learning_rate": "x"},
            "training.learning_rate: 'x', expected a number from 0.001",
        ),
        (
            {"training.learning_rate": float("nan")},
            "training.learning_rate: nan, expected a number",
        ),
        ({"training.batch_size": 25}, "25, expected a whole number from 10 to 40 in steps of 10"),
        ({"training.batch_size": True}, "True, expected a whole number from 10 to 40"),
        ({"network.activation": "elu"}, "network.activation: 'elu', expected 'relu' or 'tanh'"),
        ({"network.activations": "relu"}, "unknown parameter 'network.activations'; did you mean"),
    ],
)
def test_a_point_outside_the_space_is_refused(change, said):
    with pytest.raises(ConfigError, match=r"test_own_sampler\.py:\d+: sampler 'own': ") as error:
        asked(lambda: Asked({**POINT, **change}))
    assert said in str(error.value)


def test_every_active_parameter_has_a_value():
    with pytest.raises(ConfigError, match=r"no value of training.learning_rate, expected a number"):
        asked(lambda: Asked({}))


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (lambda: POINT, "ask returned dict, expected Asked"),
        (lambda: None, "ask returned None before any proposal"),
        (lambda: 1 // 0, r"test_own_sampler\.py:\d+: sampler 'own' failed: ZeroDivisionError"),
    ],
)
def test_what_is_no_proposal_is_refused(given, said):
    with pytest.raises(ConfigError, match=said):
        asked(given)


def test_errors_of_every_method_say_where():
    with pytest.raises(ConfigError, match=r"test_own_sampler\.py:\d+: .* failed: AssertionError"):
        make_sampler("own", SPACE, 9, True)
    sampler = make_sampler("own", SPACE, 0, True)
    with pytest.raises(ConfigError, match=r"test_own_sampler\.py:\d+: .* failed: KeyError: 'tell'"):
        sampler.tell(Asked(POINT), 1.0)
    with pytest.raises(ConfigError, match=r"test_own_sampler\.py:\d+: .* failed: KeyError: 'rep"):
        sampler.report(Asked(POINT), 1, 1.0)
