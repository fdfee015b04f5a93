"""Loading a text-to-text model: the embedded one, a folder, the hub's cache; and refusals."""

import json
import os
import shutil
import subprocess
import sys

import pytest
import torch
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from practicum_utils.prompting import load_t5
from practicum_utils.prompting import t5 as module
from practicum_utils.prompting.t5 import CHECKSUMS, checksums, tiny_folder

COMMIT = "0" * 40


@pytest.fixture
def copied(tmp_path):
    """A copy of the embedded model's folder."""
    folder = tmp_path / "copied"
    shutil.copytree(tiny_folder(), folder)
    return folder


def load_in_a_fresh_process(cache, name):
    """What a user without a network gets, whose hub cache is the folder ``cache``."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "HF_HUB_CACHE": str(cache)}
    code = f"from practicum_utils.prompting import load_t5, generate\nt5 = load_t5({name!r})\n"
    code += "print(generate(t5, 'sst2 sentence: a wonderful film'))"
    command = [sys.executable, "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True)


def test_the_embedded_model_is_loaded_ready_to_use_and_says_what_it_is(capfd):
    t5 = load_t5("tiny")
    out, err = capfd.readouterr()
    size = sum(parameter.numel() for parameter in t5.model.parameters())
    assert out == (
        f"tiny: {size / 1e6:.1f} million parameters, {len(t5.tokenizer):,} pieces "
        "(comes with practicum_utils)\n"
    )
    assert err == ""  # no progress bar, which a notebook would keep as an error message
    assert not t5.model.training and t5.model.dtype == torch.float32


def test_the_embedded_model_is_small_and_has_its_card():
    files = list(tiny_folder().iterdir())
    assert sum(file.stat().st_size for file in files) <= 10_000_000
    card = (tiny_folder() / "README.md").read_text(encoding="utf-8")
    for heading in ("**Data.**", "**Recipe.**", "**Measured.**", "**Limits.**"):
        assert heading in card
    assert {"config.json", "model.safetensors", "tokenizer.json"} <= set(checksums(tiny_folder()))


@pytest.mark.parametrize("name", ["model.safetensors", "tokenizer.json", "config.json"])
def test_a_changed_file_of_the_embedded_model_is_refused(copied, monkeypatch, name):
    data = (copied / name).read_bytes()
    (copied / name).write_bytes(data[:-2] + b" \n")
    monkeypatch.setattr(module, "tiny_folder", lambda: copied)
    with pytest.raises(ValueError, match=f"{name} changed or missing.*install practicum_utils"):
        load_t5("tiny")


def test_a_missing_file_of_the_embedded_model_is_named(copied, monkeypatch):
    (copied / "tokenizer.json").unlink()
    monkeypatch.setattr(module, "tiny_folder", lambda: copied)
    with pytest.raises(ValueError, match=r"\(tokenizer.json changed or missing\)"):
        load_t5("tiny")


def test_the_checksums_are_those_of_the_files():
    listed = json.loads((tiny_folder() / CHECKSUMS).read_text())
    assert listed == checksums(tiny_folder())


def test_a_folder_of_yours_is_loaded_by_its_path(copied, capsys):
    t5 = load_t5(str(copied))
    assert "(a folder of yours)" in capsys.readouterr().out
    assert len(t5.tokenizer) == len(load_t5("tiny").tokenizer)


@pytest.mark.slow
def test_a_model_in_the_cache_of_the_hub_is_loaded_without_a_network(tmp_path):
    repository = tmp_path / "models--google-t5--t5-small"
    shutil.copytree(tiny_folder(), repository / "snapshots" / COMMIT)
    (repository / "refs").mkdir()
    (repository / "refs" / "main").write_text(COMMIT)
    result = load_in_a_fresh_process(tmp_path, "google-t5/t5-small")
    assert result.returncode == 0, result.stderr
    first, second = result.stdout.splitlines()
    assert first.startswith("google-t5/t5-small: ") and first.endswith(
        "(from the hub or its copy here)"
    )
    assert second == "['positive']"


@pytest.mark.slow
def test_without_a_network_and_a_copy_the_other_choice_is_named_and_nothing_is_loaded(tmp_path):
    result = load_in_a_fresh_process(tmp_path, "google-t5/t5-small")
    assert result.returncode == 1 and result.stdout == ""
    last = result.stderr.strip().splitlines()[-1]
    assert last.startswith("ConnectionError: google-t5/t5-small could not be read from the hub")
    assert 'load_t5("tiny")' in last


@pytest.mark.parametrize("missing", ["config.json", "model.safetensors"])
def test_a_folder_without_a_model_says_what_it_needs(copied, missing):
    (copied / missing).unlink()
    with pytest.raises(FileNotFoundError, match=r"needs config.json, model.safetensors and tokeni"):
        load_t5(str(copied))


def test_a_tokenizer_without_its_words_is_refused(copied):
    knows_nothing = Tokenizer(models.WordLevel({"<unk>": 0, "this": 1}, unk_token="<unk>"))
    knows_nothing.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(
        tokenizer_object=knows_nothing, unk_token="<unk>", pad_token="<unk>"
    ).save_pretrained(copied)
    with pytest.raises(ValueError, match=r"reads plain English words as <unk>.*tokenizer.json"):
        load_t5(str(copied))
