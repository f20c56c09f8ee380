"""Errors reach other processes."""

import inspect
import pickle

import pytest

import assay.reports.html
import assay.reports.paper.typesetting
import assay.studies.search.space  # noqa: F401
from assay.core import errors
from assay.core.config import LocatedError, Mark


def every_kind(kind=errors.AssayError):
    """assay's own errors that are imported so far."""
    return [kind, *(found for below in kind.__subclasses__() for found in every_kind(below))]


def made(kind):
    """An error of this kind, with a word for each argument."""
    written = inspect.isfunction(kind.__init__)
    names = list(inspect.signature(kind.__init__).parameters)[1:] if written else ["message"]
    given = {"failures": [("a part", KeyError("x"))]}
    return kind(*(given.get(name, f"the {name}") for name in names))


@pytest.mark.parametrize("kind", every_kind(), ids=lambda kind: kind.__name__)
def test_an_error_is_the_same_in_another_process(kind):
    error = made(kind)
    again = pickle.loads(pickle.dumps(error))
    assert type(again) is kind
    assert (str(again), again.args, vars(again)) == (str(error), error.args, vars(error))


def test_a_place_reaches_another_process():
    error = LocatedError("expected a number", Mark("study.yaml", 3, 7))
    again = pickle.loads(pickle.dumps(error))
    assert str(again) == "study.yaml:3:7: expected a number"
    assert again.mark == error.mark
