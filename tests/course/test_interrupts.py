"""The stop button: in a real kernel while a model trains, and at many places of every long call."""

import random
import signal

import numpy as np
import pytest
import torch
from datasets import Dataset
from jupyter_client.manager import start_new_kernel
from tiers import HANGS, a_few
from torch import nn
from torch.nn.modules.module import register_module_forward_pre_hook

from practicum_utils import models
from practicum_utils.checks import check
from practicum_utils.data import (
    ReviewDataset,
    Vocabulary,
    make_loader,
    tokenize,
    tokenize_all,
    tokens,
)
from practicum_utils.doctor import examine
from practicum_utils.prompting import compare_prompts, generate, greedy, load_t5, score_labels
from practicum_utils.training import run_epoch
from practicum_utils.visualize import explore_attention, look_at_text

SETUP = """
from torch import nn
import torch
from practicum_utils.data import ReviewDataset, Vocabulary, load_reviews, make_loader, tokenize_all
from practicum_utils.models import SimpleRNN
from practicum_utils.training import fit, run_epoch, set_seed

reviews = load_reviews(max_train=2_000, max_test=100)
vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]))
train_loader, test_loader = (
    make_loader(ReviewDataset(reviews[name], vocab, 64), shuffle=True) for name in ("train", "test")
)
set_seed(0)
model = SimpleRNN(len(vocab)).eval()
"""
RUN_EPOCH = """
optimizer = torch.optim.Adam(model.parameters())
class Endless:
    def __len__(self):
        return 10_000
    def __iter__(self):
        while True:
            yield from train_loader
run_epoch(model, Endless(), nn.BCEWithLogitsLoss(), optimizer)
"""
STATE = "print(model.training, torch.is_grad_enabled())"


class Kernel:
    """A kernel of the learner's, and what its last cell showed."""

    def __init__(self):
        self.manager, self.client = start_new_kernel(startup_timeout=HANGS)

    def run(self, code, stop_at=None):
        """Run a cell, with the stop button pressed once the text ``stop_at`` is on display."""
        self.views, self.printed, self.error, stopped = [], "", None, stop_at is None

        def hear(message):
            nonlocal stopped
            content = message["content"]
            if message["msg_type"] in ("display_data", "update_display_data"):
                self.views.append(content["data"]["text/plain"])
                if not stopped and stop_at in self.views[-1]:
                    stopped = True
                    self.manager.interrupt_kernel()
            elif message["msg_type"] == "stream":
                self.printed += content["text"]
            elif message["msg_type"] == "error":
                self.error = content["ename"]

        self.client.execute_interactive(code, output_hook=hear, timeout=HANGS)
        assert stopped, self.views
        return self.error

    def close(self):
        self.client.stop_channels()
        self.manager.shutdown_kernel(now=True)


@pytest.fixture(scope="module")
def kernel():
    running = Kernel()
    assert running.run(SETUP) is None
    yield running
    running.close()


@pytest.mark.slow
def test_a_stopped_fit_gives_the_finished_epochs_and_the_next_cells_work(kernel):
    fit = "history = fit(model, train_loader, test_loader, epochs={})"
    assert kernel.run(fit.format(500), stop_at="epoch 2 of 500:  train") is None
    assert "interrupted after " in kernel.views[-1] and " of 500 epochs" in kernel.views[-1]
    assert kernel.views[-1].startswith("epoch 1:  train loss ")
    assert (
        kernel.run("print(1 <= len(history) < 500, len(history.validation_loss) == len(history))")
        is None
    )
    assert kernel.printed == "True True\n"
    assert kernel.run(STATE) is None and kernel.printed == "False True\n"
    assert kernel.run(fit.format(1) + "\nprint(len(history))") is None
    assert kernel.printed == "1\n" and "interrupted" not in kernel.views[-1]


@pytest.mark.slow
def test_a_stopped_epoch_is_an_interrupt_and_its_display_says_so(kernel):
    assert kernel.run(RUN_EPOCH, stop_at=" of 10000") == "KeyboardInterrupt"
    assert kernel.views[-1] == "train  interrupted before the end of the epoch"
    assert kernel.run(STATE) is None and kernel.printed == "False True\n"
    assert kernel.run("run_epoch(model, test_loader, nn.BCEWithLogitsLoss())") is None
    assert kernel.views[-1].startswith("evaluation  loss ")


# At many places of a call: a module is asked for its answer, and the button is pressed.

TEXTS = ["a good film that I liked, really", "a bad film, a very bad one", "so so but long"]
LOSS = nn.BCEWithLogitsLoss()
REVIEWS = Dataset.from_dict({"text": TEXTS, "label": [2, 1, 1]})


class Learner:
    """A model and its data in the middle of their life, and all the state that must stay."""

    def __init__(self):
        torch.manual_seed(0)
        self.vocab = Vocabulary.build([tokenize(text) for text in TEXTS])
        self.reviews = ReviewDataset(REVIEWS, self.vocab)
        self.model = models.AttentionRNN(len(self.vocab), 8, 8).train()
        self.model.hidden.eval()
        self.optimizer = torch.optim.Adam(self.model.parameters())
        self.t5 = load_t5("tiny", torch.device("cpu"))

    def state(self):
        modules = [*self.model.modules(), *self.t5.model.modules()]
        return {
            "modes": [module.training for module in modules],
            "weights": [weight.tolist() for weight in self.model.parameters()],
            "gradients": [weight.grad is None for weight in self.model.parameters()],
            "hooks": [len(module._forward_hooks) for module in modules],
            "random": [
                random.getstate(),
                str(np.random.get_state()),
                torch.get_rng_state().tolist(),
            ],
            "grad mode": torch.is_grad_enabled(),
            "dtype": torch.get_default_dtype(),
        }


CALLS = {
    "check a model": lambda one: check("4.3", models.AttentionRNN),
    "check an epoch": lambda one: check("2.2", run_epoch),
    "check decoding": lambda one: check("6.2", greedy),
    "generate": lambda one: generate(one.t5, TEXTS),
    "score labels": lambda one: score_labels(one.t5, TEXTS).tolist(),
    "compare prompts": lambda one: compare_prompts(one.t5, ["{text}", "sst2: {text}"], REVIEWS)
    .drop(columns="seconds").to_dict(),
    "explore": lambda one: str(explore_attention(one.model, one.reviews, index=0)),
    "look at a text": lambda one: str(look_at_text(one.model, TEXTS[0], one.vocab)),
    "examine": lambda one: str(
        examine(one.model, make_loader(one.reviews, 2), LOSS, one.optimizer, run_epoch)
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def learner():
    return Learner()


def press_at(place):
    """Press the button at that answer of a module (never if None); gives the list of answers."""
    asked = []

    def hook(module, inputs):
        asked.append(type(module).__name__)
        if len(asked) - 1 == place:
            signal.raise_signal(signal.SIGINT)

    return asked, register_module_forward_pre_hook(hook)


def run_pressed(call, learner, place):
    asked, handle = press_at(place)
    try:
        return call(learner), asked
    finally:
        handle.remove()


@pytest.mark.parametrize("call", a_few(CALLS.values()), ids=CALLS)
def test_a_stopped_call_leaves_no_trace_and_works_again(call, learner, capsys):
    before = learner.state()
    wanted, asked = run_pressed(call, learner, None)
    assert len(asked) > 3
    for place in sorted({0, 1, len(asked) // 3, len(asked) // 2, len(asked) - 1}):
        with pytest.raises(KeyboardInterrupt):
            run_pressed(call, learner, place)
        after = learner.state()
        assert [name for name in before if before[name] != after[name]] == [], (place, asked[place])
    assert call(learner) == wanted


@pytest.mark.parametrize("where", ["_chunks", "_spread", "write_whole", "_forget_oldest"])
def test_a_stop_while_the_cache_is_made_leaves_no_broken_file(home, monkeypatch, where):
    texts = [f"a good film number {i}" for i in range(tokens.CACHE_FROM)]
    whole = getattr(tokens, where)

    def pressed(*arguments):
        result = whole(*arguments) if where != "write_whole" else tokens_half(*arguments)
        signal.raise_signal(signal.SIGINT)
        return result

    def tokens_half(path, write):
        def half(file):
            write(file)
            file.truncate(50)
            signal.raise_signal(signal.SIGINT)

        whole(path, half)

    monkeypatch.setattr(tokens, where, pressed)
    with pytest.raises(KeyboardInterrupt):
        tokenize_all(texts)
    monkeypatch.undo()
    assert not list(home.rglob("*.part"))
    for file in home.rglob("*.npz"):
        assert tokens._load(file) is not None
    assert list(tokenize_all(texts)) == [tokenize(text) for text in texts]
