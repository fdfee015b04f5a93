"""Train the models of lessons 02 to 05 as the lessons do, for students who come late.

Run: python tools/train_weights.py FOLDER [--release TAG]
Writes a file for each model and ``weights.json``, which says what they are. Students name this
folder in ``training.load_trained(..., folder=...)``. Takes three or four minutes on two idle cores.

--release: the files are going to be attached to the GitHub release of that tag: ``weights.json`` is
           written into the package as well, and ``load_trained`` then finds them there.
"""

import argparse
import hashlib
import io
import json
from pathlib import Path

import torch

import practicum_utils
from practicum_utils import models
from practicum_utils.data import (
    ReviewDataset,
    Vocabulary,
    hold_out,
    load_reviews,
    make_loader,
    tokenize_all,
)
from practicum_utils.metrics import load_records
from practicum_utils.support.files import write_text_whole, write_whole
from practicum_utils.training import fit, full_or_fast, set_seed
from practicum_utils.training.trained import CLASSES, INDEX, describe, file_of

ASSET = Path(practicum_utils.__file__).parent / "assets" / INDEX


def train(name: str, reviews: dict, vocab: Vocabulary) -> bytes:
    """Train the model of that name by its recipe, that of the shipped records; its weights."""
    (record,) = load_records().of([name])
    length, epochs, rate, batch_size = (
        record.settings[key] for key in ("max_length", "epochs", "learning_rate", "batch_size")
    )
    train_set, validation_set = (
        ReviewDataset(reviews[part], vocab, full_or_fast(length, 32))
        for part in ("train", "validation")
    )
    loader = make_loader(train_set, batch_size, shuffle=True)
    set_seed(0)
    model = getattr(models, CLASSES[name])(len(vocab))
    history = fit(model, loader, make_loader(validation_set), epochs, rate)
    if len(history) < epochs:  # fit ends at the stop key without an error
        raise KeyboardInterrupt
    weights = io.BytesIO()
    torch.save(model.state_dict(), weights)
    return weights.getvalue()


def write(folder: Path, reviews: dict, vocab: Vocabulary, release: str = "") -> Path:
    """Train every model and write its file, then what they are; return the path of the latter."""
    folder.mkdir(parents=True, exist_ok=True)
    files = {}
    for name in CLASSES:
        data = train(name, reviews, vocab)
        write_whole(folder / file_of(name), lambda file, data=data: file.write(data))
        files[name] = hashlib.sha256(data).hexdigest()
    index = {"release": release, "vocabulary": describe(vocab), "files": files}
    write_text_whole(folder / INDEX, json.dumps(index, indent=1) + "\n")
    return folder / INDEX


def main() -> None:
    """Train, write, and announce if asked to."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--release", default="", metavar="TAG")
    options = parser.parse_args()
    sizes = {"max_train": full_or_fast(None, 400), "max_test": full_or_fast(None, 100)}
    reviews = hold_out(load_reviews(**sizes))
    vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]))
    index = write(options.folder, reviews, vocab, options.release)
    if options.release:
        write_text_whole(ASSET, index.read_text())
    print(f"wrote {index} and {len(CLASSES)} files beside it")


if __name__ == "__main__":
    main()
