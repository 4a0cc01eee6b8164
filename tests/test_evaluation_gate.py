"""The gate that CI runs: a fast part of the development set, with the real model, against the baseline."""

from importlib import resources
from pathlib import Path

import pytest

from qa.assistant import Assistant
from qa.errors import IndexProblem
from qa.evaluation.report import evaluate
from qa.settings import default_index

BASELINE = Path(str(resources.files("qa.evaluation") / "data" / "baseline.json"))
SUBSET = 5  # one question in five: seconds, not minutes


@pytest.mark.model
@pytest.mark.skipif(not BASELINE.exists(), reason="qa/evaluation/data/baseline.json is missing: write it with qa eval dev --out DIR and copy it")
def test_no_regression_against_the_baseline(tmp_path):
    try:
        assistant = Assistant.open(index=default_index(), build=False)  # the checkout's own index, if it is current
    except IndexProblem:
        assistant = Assistant.open(index=tmp_path / "index")
    result = evaluate(assistant, "dev", compare=BASELINE, subset=SUBSET, determinism=True)
    assert not result.failures, result.markdown
