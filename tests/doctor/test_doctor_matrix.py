"""The benchmark scores a diagnosis as it says, and does no run twice."""

import importlib.util
import json
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "benchmarks" / "doctor_matrix.py"


@pytest.fixture(scope="module")
def matrix():
    spec = importlib.util.spec_from_file_location("doctor_matrix", SCRIPT)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(("named", "scored"), [
    ([], "healthy"),
    ([["no-pad-mask", "padding", "error", True]], "exact"),
    ([["no-pad-mask", "padding", "error", False]], "family"),  # the likeliest, not a certain one
    ([["padding", "padding", "error", False]], "family"),
    ([["mean-over-padding", "padding", "error", True]], "family"),
    ([["mask-inverted", "real-tokens-lost", "error", True]], "other"),
    ([["tanh-on-logit", "architecture", "error", True],
      ["no-pad-mask", "padding", "error", True]], "other"),  # only the first-named counts
])  # fmt: skip
def test_the_first_named_diagnosis_is_scored(matrix, named, scored):
    assert matrix.outcome("no-pad-mask", named) == scored


def test_a_doctor_that_stops_has_made_no_diagnosis(matrix, monkeypatch):
    def stop(*pieces):
        raise RuntimeError("stopped")

    monkeypatch.setattr(matrix, "examine", stop)
    named = matrix.diagnosis(matrix.build("cnn"))
    assert named[0][2] == "error" and "stopped" in named[0][0]
    assert matrix.outcome("no-pad-mask", named) == "other"


def test_the_full_size_is_as_large_as_the_study_asks_for(matrix):
    everything = list(matrix.CATALOGUE), matrix.COLUMNS, 5
    sizes = {part: len(list(matrix.tasks_of(part, *everything))) for part in matrix.PARTS}
    assert sizes["clean"] >= 200
    assert sizes["matrix"] > 4_000 and sizes["forms"] >= 200 and sizes["pairs"] > 900
    pairs = {task[1] for task in matrix.tasks_of("pairs", *everything)}
    assert len(pairs) == 45


def test_a_run_that_the_file_has_is_not_repeated(matrix, monkeypatch, tmp_path, capsys):
    path, done = tmp_path / "runs.jsonl", []

    def run(task):
        done.append(task)
        return {"task": json.loads(json.dumps(task)), "named": [], "seconds": 0.0}

    monkeypatch.setattr(matrix, "run", run)
    tasks = list(matrix.tasks_of("matrix", ["missing-step"], ["cnn"], 2))
    assert len(matrix.all_runs(tasks[:4], 1, path)) == 4
    assert len(matrix.all_runs(tasks, 1, path)) == len(done) == len(tasks) == 6
    assert len(matrix.all_runs(tasks[:1], 1, path)) == 1


def test_the_tables_count_what_was_named(matrix, capsys):
    runs = [
        {"task": ["matrix", ["missing-step"], "cnn", "adam", 0], "named": []},
        {"task": ["matrix", ["missing-step"], "cnn", "sgd", 0],
         "named": [["missing-step", "loop", "error", True]]},
    ]  # fmt: skip
    matrix.print_matrix(runs)
    out = capsys.readouterr().out
    assert "1/0/0/1" in out and "exact            1 of 2, 50.00%" in out
    matrix.print_clean([{"task": ["clean", [], "gru", "", 0], "named": runs[1]["named"]}])
    assert "gru: missing-step 1" in capsys.readouterr().out


def test_the_baselines_see_their_symptoms(matrix):
    flipped = matrix.build("cnn", bug="loss-sign-flipped")
    assert matrix.curve(flipped) == "negative"
    assert matrix.curve(matrix.build("cnn", bug="missing-step")) == "flat"
    assert matrix.curve(matrix.build("cnn", bug="linear-input-size")) == "raises"
    assert matrix.overfit(matrix.build("cnn", bug="double-sigmoid")) == "not fitted"
    assert matrix.first_loss(matrix.build("cnn", bug="sum-reduction")) == "large"
    assert {rule(matrix.build("cnn")) for rule in matrix.BASELINES.values()} == {""}
