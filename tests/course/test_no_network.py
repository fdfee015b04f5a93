"""Without any network: all of the course's own works and asks nobody; the hub is given up at once.

The student notebooks run without a network too, in ``test_catch_up``.
"""

import os
import shutil
import subprocess
import sys

import pytest
from offline import attempts, offline
from tiers import HANGS

from practicum_utils.prompting.t5 import tiny_folder

WORK = """
from practicum_utils.checks import check
from practicum_utils.data import ReviewDataset, Vocabulary, load_reviews, make_loader, tokenize_all
from practicum_utils.doctor import examine
from practicum_utils.models import SimpleRNN, last_vectors
from practicum_utils.prompting import compare_prompts, generate, load_t5, score_labels, to_prompt
from practicum_utils.training import recall, remember
from practicum_utils.training import fit

reviews = load_reviews(max_train=100, max_test=50)
vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]))
loaders = [make_loader(ReviewDataset(reviews[name], vocab, 32)) for name in ("train", "test")]
model = SimpleRNN(len(vocab), 8, 8)
history = fit(model, *loaders, epochs=1)
remember("simple_rnn", history)
assert recall("simple_rnn") == history and len(recall("transformer")) > 0
examine(model, loaders[0])
check("3.1", last_vectors)
t5 = load_t5("tiny")
assert generate(t5, "sst2 sentence: a wonderful film") == ["positive"]
assert score_labels(t5, ["sst2 sentence: a wonderful film"])[0, 1] > 0.5
compare_prompts(t5, {"sst2": to_prompt}, load_reviews("rotten_tomatoes", max_test=4)["test"])
print("all done")
"""

HUB = {
    "reviews": "from practicum_utils.data import load_reviews as load; name = 'hub'; "
               "ask = lambda: load(source=name)",
    "t5": "from practicum_utils.prompting import load_t5 as load; import transformers; "
          "ask = lambda: load('google-t5/t5-small')",
}  # fmt: skip
# The hub's own clients wait between their tries, for 25 and 48 seconds in all.
WITHOUT_A_WAIT = """
import time
slept = []
time.sleep = slept.append
try:
    ask()
finally:
    print(sum(slept))
"""


def run_offline(code, folder):
    environment = {**os.environ, **offline(folder)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=HANGS)


def test_the_guard_lets_nobody_out_and_tells(tmp_path):
    code = "import socket; socket.create_connection(('192.0.2.1', 80))"
    assert "Network is unreachable" in run_offline(code, tmp_path).stderr
    code = "import urllib.request; urllib.request.urlopen('https://example.org')"
    assert "Network is unreachable" in run_offline(code, tmp_path).stderr
    code = "import socket; a = socket.create_server(('127.0.0.1', 0)); "
    code += "socket.create_connection(a.getsockname()); print('here')"
    assert run_offline(code, tmp_path).stdout == "here\n"
    assert attempts(tmp_path) == ["192.0.2.1", "example.org"]


@pytest.mark.slow
def test_the_work_of_a_lesson_needs_no_network_and_asks_for_none(tmp_path, home):
    result = run_offline(WORK, tmp_path)
    assert result.returncode == 0, result.stderr
    assert result.stdout.endswith("all done\n")
    assert attempts(tmp_path) == []


@pytest.mark.slow
@pytest.mark.parametrize(
    ("what", "sentence"),
    [
        ("reviews", "stanfordnlp/imdb could not be read from the hub"),
        ("t5", "google-t5/t5-small could not be read from the hub, and this computer has no copy"),
    ],
)
def test_a_hub_out_of_reach_is_one_sentence_at_once(tmp_path, what, sentence):
    result = run_offline(HUB[what] + WITHOUT_A_WAIT, tmp_path)
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith(f"ConnectionError: {sentence}") and "check the n" in last
    assert "Retrying" not in result.stderr
    assert float(result.stdout) < 1
    assert attempts(tmp_path) == ["huggingface.co"]


@pytest.mark.slow
def test_a_copy_of_a_model_is_used_where_the_hub_is_out_of_reach(tmp_path):
    repository = tmp_path / "hub" / "hub" / "models--google-t5--t5-small"
    shutil.copytree(tiny_folder(), repository / "snapshots" / ("0" * 40))
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text("0" * 40)
    result = run_offline(HUB["t5"] + WITHOUT_A_WAIT, tmp_path)
    assert result.returncode == 0, result.stderr
    line, slept = result.stdout.splitlines()
    assert line.endswith("(from the hub or its copy here)") and float(slept) < 1
    assert attempts(tmp_path) == ["huggingface.co"]
