"""Damaged files of every format: read or refused, never an error of another kind; benchmarks/fuzz.py tries many more."""

import random

import pytest
import reader_files as files
from fuzzing import LIMITS, mutated, read_damaged

from qa.documents.readers import Reader

TRIES = 25


@pytest.fixture(scope="module")
def reader():
    with Reader(LIMITS) as one:
        yield one


@pytest.mark.parametrize("name", files.SEEDS)
def test_a_damaged_file_is_read_or_refused(reader, name):
    rng = random.Random(name)
    seed = files.SEEDS[name]()
    outcomes = {read_damaged(reader, mutated(seed, rng), name) for _ in range(TRIES)}
    assert outcomes <= {"read", "refused"}
    assert "read" in outcomes


@pytest.mark.parametrize("name", files.SEEDS)
def test_a_file_cut_short_is_read_or_refused(reader, name):
    seed = files.SEEDS[name]()
    for length in range(1, len(seed), len(seed) // 7):
        assert read_damaged(reader, seed[:length], name) in ("read", "refused")
