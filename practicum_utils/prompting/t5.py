"""Load a pretrained text-to-text model: T5 from the hub, or the tiny one of this package.

Raffel et al. 2020, "Exploring the Limits of Transfer Learning with a Unified Text-to-Text
Transformer".
"""

import hashlib
import importlib.resources
import json
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

import torch

from practicum_utils.support.environment import pick_device
from practicum_utils.support.errors import in_one_line
from practicum_utils.support.hub import without_waiting

PROBE = "this film is not good, it is great"
CHECKSUMS = "checksums.json"


@dataclass(frozen=True)
class T5:
    """A text-to-text model in eval mode with its tokenizer; ``load_t5`` makes it."""

    name: str
    model: torch.nn.Module
    tokenizer: object

    @property
    def device(self) -> torch.device:
        """Where the model's weights are."""
        return next(self.model.parameters()).device

    def __str__(self) -> str:
        size = sum(parameter.numel() for parameter in self.model.parameters())
        return f"{self.name}: {size / 1e6:.1f} million parameters, {len(self.tokenizer):,} pieces"


def load_t5(name: str = "google-t5/t5-small", device: torch.device | None = None) -> T5:
    """Load a text-to-text model; print its name, its size and where it came from.

    name: a model of the hub, such as "google-t5/t5-small" or "google/flan-t5-small" (read from
        this computer's copy where there is one); "tiny", the one that comes with this package;
        or the path of a folder with a saved model.
    Raises ConnectionError if the hub is needed and cannot be read, FileNotFoundError for a folder
    without a model, ValueError for a changed file of the tiny model and for a tokenizer that knows
    no word. There is no switch from one model to another: you get the one you name, or an error.
    """
    if name == "tiny":
        with importlib.resources.as_file(tiny_folder()) as folder:
            check_files(folder)
            t5 = T5(name, *_from_pretrained(name, folder))
        origin = "comes with practicum_utils"
    else:
        t5 = T5(name, *_from_pretrained(name, name))
        origin = "a folder of yours" if Path(name).is_dir() else "from the hub or its copy here"
    _require_words(t5)
    t5.model.to(device or pick_device()).eval()
    print(f"{t5} ({origin})")
    return t5


def tiny_folder():
    """Where the tiny model lies in the package."""
    return importlib.resources.files("practicum_utils") / "assets" / "tiny_t5"


def checksums(folder: Path) -> dict[str, str]:
    """The sha256 of each file of a saved model, but for the list of them and the model card."""
    files = [path for path in sorted(folder.iterdir()) if path.suffix in (".json", ".safetensors")]
    return {
        path.name: hashlib.sha256(path.read_bytes()).hexdigest()
        for path in files
        if path.name != CHECKSUMS
    }


def check_files(folder: Path) -> None:
    """Raise ValueError, naming them, if files in ``folder`` are not those that were shipped."""
    listed, found = folder / CHECKSUMS, checksums(folder)
    wanted = json.loads(listed.read_text()) if listed.is_file() else {}
    changed = sorted(
        name for name in wanted.keys() | found.keys() if wanted.get(name) != found.get(name)
    )
    if changed:
        raise ValueError(
            f"The tiny T5 is not the one that this course was made with ({', '.join(changed)} "
            "changed or missing); install practicum_utils again."
        )


def _from_pretrained(name: str, where: str | Path):
    """The model in single precision and its tokenizer; the hub's many errors become one."""
    from transformers import AutoModelForSeq2SeqLM, AutoTokenizer

    is_folder = Path(where).is_dir()
    try:
        with _no_progress_bars(), nullcontext() if is_folder else without_waiting():
            tokenizer = AutoTokenizer.from_pretrained(where)
            return AutoModelForSeq2SeqLM.from_pretrained(where, dtype=torch.float32), tokenizer
    except (OSError, ValueError) as error:
        if is_folder:
            raise FileNotFoundError(
                f"{where} does not hold a text-to-text model that can be read; it needs "
                "config.json, model.safetensors and tokenizer.json."
            ) from error
        raise in_one_line(
            ConnectionError(
                f"{name} could not be read from the hub, and this computer has no copy of it "
                f"({type(error).__name__}); check the name and the network, or call "
                'load_t5("tiny") for the model that comes with the course.'
            )
        ) from error


@contextmanager
def _no_progress_bars() -> Iterator[None]:
    """Bars drawn by widgets and on stderr would stay in the saved notebook as error messages."""
    from huggingface_hub.utils import (
        are_progress_bars_disabled,
        disable_progress_bars,
        enable_progress_bars,
    )
    from transformers.utils import logging

    hub, loading = not are_progress_bars_disabled(), logging.is_progress_bar_enabled()
    disable_progress_bars()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        if hub:
            enable_progress_bars()
        if loading:
            logging.enable_progress_bar()


def _require_words(t5: T5) -> None:
    ids = t5.tokenizer(PROBE, add_special_tokens=False)["input_ids"]
    known = [i for i in ids if i != t5.tokenizer.unk_token_id]
    if len(known) < len(PROBE.split()):
        raise ValueError(
            f"The tokenizer of {t5.name} reads plain English words as <unk>, so its vocabulary is "
            "missing; the model needs its tokenizer.json (or spiece.model) beside it."
        )
