"""Splits: nothing lost, nothing twice, every class in proportion, the same for equal seeds."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from assay.core.seeds import stream
from assay.data.splits import parts, stratified_order

counts = st.lists(st.integers(1, 40), min_size=1, max_size=6)


def spec(**given):
    defaults = {"train": None, "validation": 0.1, "test": None, "split_seed": 0}
    return {**defaults, "folds": None, "fold": None, **given}


@given(counts, st.integers(0, 2**32))
def test_every_beginning_of_a_stratified_order_holds_each_class_in_proportion(sizes, seed):
    strata = np.repeat(np.arange(len(sizes)), sizes)
    order = stratified_order(strata, stream(seed, "x"))
    assert sorted(order) == list(range(len(strata)))
    seen = np.cumsum(strata[order][:, None] == np.arange(len(sizes)), axis=0)  # (n, classes)
    expected = np.arange(1, len(strata) + 1)[:, None] * np.array(sizes) / len(strata)
    most = (1 + len(sizes) * np.array(sizes) / len(strata)) / 2
    assert (np.abs(seen - expected) <= most + 1e-9).all()


def test_rare_classes_share_their_places():
    """As the docs say: beside a class of 1,000, a fifth has none of a hundred classes of two."""
    strata = np.concatenate([np.zeros(1000, int), np.repeat(np.arange(1, 101), 2)])
    order = stratified_order(strata, stream(0, "x"))
    assert not strata[order[:240]].any()
    assert len(set(strata[order[:300]])) > 1


def test_balanced_classes_are_split_exactly():
    strata = np.tile(np.arange(10), 600)
    train, validation, test = parts(spec(train=1000), strata, strata[:500])
    for chosen, count in ((train, 100), (validation, 10)):
        assert (np.bincount(strata[chosen]) == count).all()
    assert len(test) == 500


@given(st.integers(20, 200), st.integers(2, 7), st.integers(0, 5))
def test_folds_share_out_the_training_set_once_each(images, folds, seed):
    strata = np.arange(images) % 3
    found = [
        parts(spec(validation=None, folds=folds, fold=k, split_seed=seed), strata, strata)
        for k in range(folds)
    ]
    assert sorted(np.concatenate([v for _, v, _ in found])) == list(range(images))
    for train, validation, _ in found:
        assert not set(train) & set(validation)
        assert len(train) + len(validation) == images
        assert np.ptp(np.bincount(strata[validation], minlength=3)) <= 2


def test_the_split_seed_decides_and_smaller_subsets_are_part_of_larger_ones():
    strata = np.arange(1000) % 4
    small, validation, _ = parts(spec(train=100, validation=50), strata, strata)
    large, same, _ = parts(spec(train=200, validation=50), strata, strata)
    again, *_ = parts(spec(train=100, validation=50), strata, strata)
    other, *_ = parts(spec(train=100, validation=50, split_seed=1), strata, strata)
    assert set(small) < set(large)
    assert np.array_equal(validation, same)
    assert np.array_equal(small, again)
    assert not np.array_equal(small, other)
    assert not set(large) & set(validation)
