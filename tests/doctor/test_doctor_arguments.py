"""What the doctor accepts: other signatures, missing arguments; what it refuses in a sentence."""

import pytest
import torch
from torch import nn
from transformers import BertConfig, BertForSequenceClassification

from practicum_utils.clinic.programs import build
from practicum_utils.doctor import Adapter, examine


class IdsOnly(nn.Module):
    def __init__(self, outputs=1):
        super().__init__()
        self.embedding = nn.Embedding(40, 12, padding_idx=0)
        self.output = nn.Linear(12, outputs)

    def forward(self, ids):
        real = (ids != 0).unsqueeze(2)
        mean = (self.embedding(ids) * real).sum(1) / real.sum(1)
        return self.output(mean).squeeze(-1)


def rows(count=16, dtype=torch.float32):
    generator = torch.Generator().manual_seed(count)
    lengths = torch.randint(3, 10, (count,), generator=generator)
    ids = torch.randint(1, 40, (count, 10), generator=generator)
    ids[torch.arange(10) >= lengths.unsqueeze(1)] = 0
    return ids, lengths, (ids[:, 0] > 20).to(dtype)


def batches(make=lambda ids, lengths, labels: (ids, lengths, labels), dtype=torch.float32):
    return [make(*rows(count, dtype)) for count in (16, 15, 14)]


def of(model, rate=1e-2):
    return torch.optim.Adam(model.parameters(), rate)


def assert_healthy(report):
    assert report.findings == []
    assert not [text for text in report.skipped if "raised" in text]


def test_pairs_of_ids_and_labels_with_a_model_of_ids():
    model = IdsOnly()
    loader = batches(lambda ids, _, labels: (ids, labels))
    assert_healthy(examine(model, loader, nn.BCEWithLogitsLoss(), of(model)))


@pytest.mark.slow
def test_two_logits_and_cross_entropy():
    model = IdsOnly(outputs=2)
    loader = batches(lambda ids, _, labels: (ids, labels), torch.int64)
    assert_healthy(examine(model, loader, nn.CrossEntropyLoss(), of(model)))


@pytest.mark.slow
def test_lengths_after_labels():
    class Either(IdsOnly):
        def forward(self, ids, lengths):
            assert lengths.max() > 1
            return super().forward(ids)

    model = Either()
    loader = batches(lambda ids, lengths, labels: (ids, labels.long(), lengths))
    examined = examine(model, loader, lambda z, y: nn.BCEWithLogitsLoss()(z, y.float()), of(model))
    assert_healthy(examined)


@pytest.mark.slow
@pytest.mark.parametrize("side", ["right", "left"])
def test_a_hugging_face_model_needs_no_adapter(side):
    torch.manual_seed(0)
    sizes = {"hidden_size": 16, "intermediate_size": 32, "max_position_embeddings": 40}
    config = BertConfig(vocab_size=40, num_hidden_layers=1, num_attention_heads=2, **sizes)
    model = BertForSequenceClassification(config)

    def table(ids, lengths, labels):
        mask = (ids != 0).long()
        if side == "left":
            ids, mask = ids.flip(1), mask.flip(1)
        return {"input_ids": ids, "attention_mask": mask, "labels": labels}

    report = examine(model, batches(table, torch.int64), nn.CrossEntropyLoss(), of(model, 1e-3))
    assert [f for f in report.findings if f.level != "info"] == []


@pytest.mark.slow
def test_an_adapter_reads_any_batch_and_calls_any_model():
    model = IdsOnly()
    adapter = Adapter(
        forward=lambda model, ids, lengths: model(ids),
        unpack=lambda batch: (batch["deep"][0], batch["deep"][1], batch["answer"]),
    )
    loader = batches(lambda ids, lengths, labels: {"deep": (ids, lengths), "answer": labels})
    assert_healthy(examine(model, loader, nn.BCEWithLogitsLoss(), of(model), adapter=adapter))


def test_only_what_the_arguments_allow_is_checked_and_it_is_said():
    program = build("cnn")
    alone = examine(program.model, program.loader)
    assert alone.findings == []
    assert any("no loss_fn" in text for text in alone.skipped)
    assert any("no optimizer" in text for text in alone.skipped)
    more = examine(program.model, program.loader, program.loss_fn, program.optimizer)
    assert [text for text in more.skipped if "run_epoch" in text]
    assert "the size of the steps" in more.checked


def test_a_bug_of_the_model_needs_neither_loss_nor_loop():
    program = build("attention_rnn", bug="no-pad-mask")
    assert examine(program.model, program.loader).findings[0].bug_id == "no-pad-mask"


@pytest.mark.parametrize(("loader", "sentence"), [
    ([], r"The loader is empty"),
    (iter([1]), "can be read only once"),
    ([torch.zeros(3)], "cannot read"),
    ([{"words": 1}], "yields a table of words"),
    ([("a", "b", "c")], "Token ids of the shape"),
])  # fmt: skip
def test_a_loader_that_cannot_be_read_is_refused_in_a_sentence(loader, sentence):
    with pytest.raises((TypeError, ValueError), match=sentence):
        examine(IdsOnly(), loader)


def test_a_model_that_is_none_is_refused():
    with pytest.raises(TypeError, match=r"pass the nn\.Module itself"):
        examine(lambda ids: ids, batches())


@pytest.mark.slow
def test_what_the_loop_prints_is_swallowed(capsys):
    program = build("cnn")

    def loud(*args):
        print("epoch 1")
        return program.run_epoch(*args)

    assert examine(program.model, program.loader, program.loss_fn, program.optimizer, loud).ok
    assert capsys.readouterr().out == ""
