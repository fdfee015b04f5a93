"""Trained weights for whoever comes late: from the project's release, or from the instructor.

``assets/weights.json`` says which release has them, for which vocabulary, and each file's sha256.
``python tools/train_weights.py FOLDER`` makes the files, and a ``weights.json`` beside them.
"""

import hashlib
import io
import json
import os
import urllib.error
import urllib.request
from pathlib import Path

import torch
from torch import nn

from practicum_utils.data import Vocabulary
from practicum_utils.support.errors import in_one_line, refusal
from practicum_utils.support.files import home, read_asset, write_whole
from practicum_utils.support.project import address

INDEX = "weights.json"
CLASSES = {  # name of the weights, as of ``recall`` -> the class in ``models`` that they are for
    "mean_embedding": "MeanEmbedding",
    "simple_rnn": "SimpleRNN",
    "attention_rnn": "AttentionRNN",
    "transformer": "TransformerClassifier",
}
PATIENCE = 30.0  # seconds without an answer


def load_trained(
    model: nn.Module, name: str, vocab: Vocabulary, folder: str | Path | None = None
) -> nn.Module:
    """Put trained weights into ``model``, a new one of the class in ``models``; return it.

    name: "mean_embedding", "simple_rnn", "attention_rnn" or "transformer".
    vocab: the one that the model's token ids come from; the weights are for no other.
    folder: of the instructor, with what ``tools/train_weights.py`` has made; by default the one in
        the environment variable PRACTICUM_WEIGHTS, or else the project's release on GitHub.
    A release's files are kept in the cache. Raises ValueError, in a sentence, for weights that do
    not fit or are not the ones that were announced, and ConnectionError without a network.
    """
    folder = folder or os.environ.get("PRACTICUM_WEIGHTS")
    index = _index(Path(folder) if folder else None)
    if name not in index["files"]:
        raise _missing(name, index)
    _demand_same(vocab, index["vocabulary"])
    data = _of_folder(Path(folder), name, index) if folder else _of_release(name, index)
    try:
        state = torch.load(io.BytesIO(data), map_location="cpu", weights_only=True)
        model.load_state_dict(state)
    except RuntimeError as error:
        raise refusal(
            f"The weights of {name} are for models.{CLASSES[name]}(len(vocab)); this "
            f"{type(model).__name__} has other layers."
        ) from error
    print(f"{name}: trained weights of {folder or 'release ' + index['release']}")
    return model


def file_of(name: str) -> str:
    """The name of the file with the weights of that name."""
    return f"{name}.pt"


def describe(vocab: Vocabulary) -> dict:
    """What tells a vocabulary from another one: its size, and a digest of its words in order."""
    words = "\n".join(vocab.tokens).encode()
    return {"size": len(vocab), "digest": hashlib.sha256(words).hexdigest()[:16]}


def _index(folder: Path | None) -> dict:
    """What a folder, or else the release, has."""
    try:
        return json.loads((folder / INDEX).read_text() if folder else read_asset(INDEX))
    except (OSError, ValueError) as error:
        raise refusal(
            f"{folder} has no readable {INDEX}; make the folder with tools/train_weights.py."
        ) from error


def _missing(name: str, index: dict) -> Exception:
    if name in CLASSES and not index["files"]:
        return refusal(
            "No trained weights are published yet; they come with the first release. Ask your "
            "instructor for a folder made with tools/train_weights.py, and name it as folder=."
        )
    known = ", ".join(index["files"]) or "none"
    return refusal(f"There are no weights called {name!r}; there are: {known}.")


def _demand_same(vocab: Vocabulary, wanted: dict) -> None:
    if describe(vocab) != wanted:
        raise refusal(
            f"The weights are for a vocabulary of {wanted['size']:,} words, and yours, of "
            f"{len(vocab):,}, is another; build it from all training reviews, as lesson 02 does."
        )


def _of_folder(folder: Path, name: str, index: dict) -> bytes:
    try:
        data = (folder / file_of(name)).read_bytes()
    except OSError as error:
        raise refusal(f"{folder / file_of(name)} cannot be read: {error.strerror}.") from error
    return _announced(data, name, index, f"{folder / file_of(name)}; make it again")


def _of_release(name: str, index: dict) -> bytes:
    """The file from the cache, if it is whole, or from the network, which fills the cache."""
    cached = home("cache") / f"{index['release']}-{file_of(name)}"
    if cached.is_file() and _digest(data := cached.read_bytes()) == index["files"][name]:
        return data
    url = f"{address()}/releases/download/{index['release']}/{file_of(name)}"
    try:
        with urllib.request.urlopen(url, timeout=PATIENCE) as answer:
            data = answer.read()
    except urllib.error.HTTPError as error:
        raise refusal(f"{url} is not there: the answer was {error.code}.") from error
    except OSError as error:
        raise in_one_line(
            ConnectionError(
                f"{url} cannot be reached; give folder=, where your instructor has the weights."
            )
        ) from error
    data = _announced(data, name, index, f"{url}; try again")
    write_whole(cached, lambda file: file.write(data))
    return data


def _announced(data: bytes, name: str, index: dict, place: str) -> bytes:
    if _digest(data) != index["files"][name]:
        raise refusal(f"What was read is not what {INDEX} announces, from {place}.")
    return data


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
