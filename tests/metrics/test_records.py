"""The shipped records, and the benchmark that makes them, here on a handful of reviews."""

import json
from importlib import import_module
from pathlib import Path

import numpy as np
import pytest
import torch

from practicum_utils.data import POSITIVE, load_reviews
from practicum_utils.metrics import Point, Record, Records, Run, load_records, load_yardstick
from practicum_utils.models import AttentionRNN
from practicum_utils.support import files
from practicum_utils.training import RECIPE, History
from practicum_utils.training.answers import Answers, digest_of

BENCHMARKS = Path(__file__).parents[2] / "benchmarks"


def run(seed, accuracy, seconds=2.0):
    return Run(
        seed, accuracy, [seconds, seconds + 1], [2 * seconds] * 2, 100, [Point(1.0, 0.6, 0.5, 0.75)]
    )


def record(*accuracies, name="rnn"):
    return Record(name, "an RNN", {"epochs": 2}, [run(*each) for each in enumerate(accuracies)])


# What is shipped


def test_the_shipped_records_can_be_read_and_say_where_they_are_from():
    records = load_records()
    assert len(records.date) == len("2026-01-01") and records.torch
    assert records.threads == 1 and records.cores >= 1
    assert records.train > records.test > records.validation > 0
    assert len({model.name for model in records.models}) == len(records.models)


def test_every_shipped_run_has_what_is_drawn_from_it():
    for model in load_records().models:
        assert model.title and model.settings
        assert [run.seed for run in model.runs] == [0, 1, 2], model.name
        for run in model.runs:
            assert len(run.train_seconds) == len(run.train_cpu_seconds), model.name
            assert 0.5 < run.accuracy <= 1 and run.seconds > 0 and run.cpu_seconds > 0
            shares = [point.share for point in run.curve]
            assert shares == sorted(set(shares)), model.name
            assert bool(shares) == ("epochs" in model.settings) and shares[-1:] in ([], [1.0])


def test_what_is_shipped_is_what_the_benchmark_trains_and_by_its_recipe(benchmark):
    """If not: run ``python benchmarks/records.py --save`` on an idle machine."""
    shipped = load_records().models
    assert {model.name: model.title for model in shipped} == benchmark.TITLES
    assert {model.name: model.settings for model in shipped} == benchmark.SETTINGS


def test_the_yardstick_can_be_read():
    best = load_yardstick()
    assert best.name and 0.5 < best.accuracy < 1 and best.seconds > 0


# Reading and writing


def test_a_run_ends_with_its_last_epoch_and_takes_all_its_seconds():
    one = run(0, 0.75, seconds=3.0)
    assert (one.accuracy, one.seconds, one.cpu_seconds) == (0.75, 7.0, 12.0)


@pytest.mark.parametrize(("accuracies", "seed"), [
    ([0.7], 0), ([0.9, 0.7, 0.8], 2), ([0.7, 0.9], 1), ([0.8, 0.8, 0.8], 1),
])  # fmt: skip
def test_the_median_run_is_the_one_in_the_middle(accuracies, seed):
    assert record(*accuracies).median.seed == seed


def test_a_record_in_words_is_its_median_and_its_range():
    assert record(0.9, 0.7, 0.8).in_words == "0.800 (0.700 to 0.900)"


def test_records_are_found_by_name_in_the_order_asked_for():
    models = [record(0.5, name=name) for name in "abc"]
    records = Records("2026-01-01", "2.6", 1, 2, 20, 2, 5, models)
    assert records.of(["c", "a"]) == [models[2], models[0]]
    with pytest.raises(KeyError, match=r"no record of 'd'; there are: a, b, c\."):
        records.of(["a", "d"])


def test_what_is_saved_is_read_again(tmp_path, monkeypatch):
    records = Records("2026-01-01", "2.6", 1, 2, 20, 2, 5, [record(0.5, 0.6)])
    (tmp_path / "assets").mkdir()
    records.save(tmp_path / "assets")
    monkeypatch.setattr(files.importlib.resources, "files", lambda name: tmp_path)
    assert load_records() == records


# The benchmark


@pytest.fixture
def benchmark(monkeypatch):
    """``benchmarks/records.py``, with a recipe of a moment."""
    monkeypatch.setenv("PRACTICUM_THREADS", "1")  # as the benchmark sets it; taken back afterwards
    monkeypatch.syspath_prepend(BENCHMARKS)
    module = import_module("records")
    short = RECIPE._replace(max_length=12, epochs=2)
    monkeypatch.setattr(module, "RECIPE", short)
    return module


@pytest.fixture
def states():
    return torch.randn(3, 5, 2 * 64 + 16, generator=torch.Generator().manual_seed(0))


def test_the_poolings_are_what_they_are_called(benchmark, states):
    lengths = torch.tensor([5, 2, 1])
    pooled = {
        network.name: network.make(20).pool(states, lengths) for network in benchmark.POOLINGS
    }
    for row, length in enumerate(lengths.tolist()):
        real = states[row, :length]
        last = torch.cat([real[-1, :64], real[0, 64:128], real[-1, 128:]])
        assert torch.equal(pooled["pooling_last"][row], last)
        assert torch.equal(pooled["pooling_max"][row], real.max(dim=0).values)
        assert torch.allclose(pooled["pooling_mean"][row], real.mean(dim=0))


def test_only_the_pooling_changes(benchmark):
    """The same layers with the same first weights, trained by the same settings."""
    torch.manual_seed(0)
    weights = AttentionRNN(20).state_dict()
    (attention,) = (each for each in benchmark.NETWORKS if each.name == "attention_rnn")
    for network in benchmark.POOLINGS:
        torch.manual_seed(0)
        own = network.make(20).state_dict()
        assert own.keys() == weights.keys()
        assert all(torch.equal(own[name], weights[name]) for name in own)
        assert network.settings == attention.settings


def test_the_last_row_differs_by_the_pairs_alone(benchmark):
    (without,) = (each for each in benchmark.ABLATION if each not in benchmark.POOLINGS)
    own, weights = without.make(20).state_dict(), AttentionRNN(20).state_dict()
    different = {name for name in weights if own[name].shape != weights[name].shape}
    assert different == {"pairs.table.weight", "attention.weight", "hidden.weight"}
    assert own["pairs.table.weight"].numel() == 0 and without.settings == {}


def test_padding_changes_no_answer_of_a_pooling(benchmark):
    for network in benchmark.ABLATION:
        model = network.make(20).eval()
        alone = model(torch.tensor([[5, 7]]), torch.tensor([2]))
        padded = model(torch.tensor([[5, 7, 0, 0]]), torch.tensor([2]))
        assert torch.allclose(alone, padded, atol=1e-6), network.name


def start(benchmark, monkeypatch, *arguments):
    monkeypatch.setattr("sys.argv", ["records.py", *map(str, arguments)])
    benchmark.main()


def test_the_benchmark_writes_all_that_is_shipped(benchmark, monkeypatch, tmp_path, capsys):
    start(benchmark, monkeypatch, "--train", 64, "--seeds", 2, "--save", tmp_path)
    found = json.loads((tmp_path / "records.json").read_text())
    sizes = [found[part] for part in ("train", "validation", "test")]
    assert sizes == [58, 6, 16] and found["torch"] == torch.__version__
    runs = {model["name"]: model["runs"] for model in found["models"]}
    assert set(runs) == set(benchmark.TITLES)
    assert {tuple(each["seed"] for each in rounds) for rounds in runs.values()} == {(0, 1)}
    labels = load_reviews(max_train=64, max_test=16)["test"]["label"][:]
    for network in benchmark.NETWORKS:
        history = History.load(tmp_path / "reference_runs" / f"{network.name}.json")
        last = [each["accuracy"] for each in runs[network.name]]
        assert history.test.accuracy == pytest.approx(max(last), abs=1e-5)  # of two the upper one
        found = Answers.load(tmp_path / "reference_runs" / f"{network.name}.answers.json")
        assert found.digest == digest_of(labels)
        right = (found.positive > 0.5).numpy() == (np.array(labels) == POSITIVE)
        assert right.mean() == pytest.approx(max(last), abs=0.2)  # many are at one half
    yardstick = json.loads((tmp_path / "yardstick.json").read_text())
    assert yardstick["accuracy"] == max(each["accuracy"] for each in runs["nb_svm"])
    printed = capsys.readouterr().out
    assert "simple_rnn seed 1: " in printed and "n = 2 seeds" in printed


def test_an_average_brings_the_models_it_is_of(benchmark, monkeypatch, capsys):
    monkeypatch.setenv("PRACTICUM_FAST", "1")
    start(benchmark, monkeypatch, "--only", "average", "--seeds", 1)
    lines = [line for line in capsys.readouterr().out.splitlines() if " seed 0: " in line]
    assert [line.split()[0] for line in lines] == ["attention_rnn", "nb_svm", "average"]


def test_an_average_weighs_probabilities_and_adds_seconds_up(benchmark):
    done = {
        name: benchmark.Outcome(run(0, 0.5, seconds), np.array(positive))
        for name, seconds, positive in (("a", 1.0, [0.9, 0.1, 0.6]), ("b", 4.0, [0.2, 0.2, 0.3]))
    }
    data = benchmark.Data({"test": {"label": [2, 1, 1]}}, None)
    found = benchmark.average({"a": 0.75, "b": 0.25}, done, data, seed=3)
    assert found.positive == pytest.approx([0.725, 0.125, 0.525])
    assert found.run.accuracy == pytest.approx(2 / 3, abs=1e-5)
    assert (found.run.seed, found.run.seconds, found.run.cpu_seconds) == (3, 3 + 9, 4 + 16)


def test_without_the_hub_there_is_no_official_test(benchmark, monkeypatch):
    def silent(source, **sizes):
        assert source == "hub"
        raise ConnectionError("The hub could not be read.")

    monkeypatch.setattr(benchmark, "load_reviews", silent)
    with pytest.raises(SystemExit, match=r"^The hub could not be read\.$"):
        start(benchmark, monkeypatch, "--official")


@pytest.mark.parametrize("mixed", [["--only", "simple_rnn"], ["--official"]])
def test_half_a_run_is_not_saved(benchmark, monkeypatch, capsys, tmp_path, mixed):
    with pytest.raises(SystemExit):
        start(benchmark, monkeypatch, *mixed, "--save", tmp_path)
    assert "--save writes all models" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []
