"""Trained weights, from a folder and from a release: the right ones, whole, or one sentence."""

import hashlib
import json
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest
import torch
import train_weights

from practicum_utils import models
from practicum_utils.authoring.build import address as address_in
from practicum_utils.authoring.build import find_root
from practicum_utils.data import Vocabulary, hold_out, load_reviews, tokenize_all
from practicum_utils.support import project
from practicum_utils.support.files import read_asset
from practicum_utils.training import load_trained, recall, trained

VOCAB = Vocabulary(["good", "bad", "film"])
NAME = "mean_embedding"


def model(vocab=VOCAB):
    return models.MeanEmbedding(len(vocab))


@pytest.fixture
def source():
    """The model whose weights are kept."""
    return model()


@pytest.fixture
def folder(tmp_path, source):
    """What the tool makes, with one model."""
    folder = tmp_path / "weights"
    folder.mkdir()
    torch.save(source.state_dict(), folder / f"{NAME}.pt")
    sha256 = hashlib.sha256((folder / f"{NAME}.pt").read_bytes()).hexdigest()
    index = {"release": "r1", "vocabulary": trained.describe(VOCAB), "files": {NAME: sha256}}
    (folder / "weights.json").write_text(json.dumps(index))
    return folder


class Quiet(SimpleHTTPRequestHandler):
    """Serves a folder, counts what was asked for, and prints nothing."""

    asked = 0

    def do_GET(self):
        Quiet.asked += 1
        super().do_GET()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def release(folder, tmp_path, home, monkeypatch):
    """A server that has the files where a release has them; returns their folder there."""
    place = tmp_path / "www/releases/download/r1"
    place.mkdir(parents=True)
    (folder / f"{NAME}.pt").rename(place / f"{NAME}.pt")
    Quiet.asked = 0
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=tmp_path / "www"))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setattr(trained, "address", lambda: f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setattr(trained, "read_asset", lambda name: (folder / name).read_text())
    monkeypatch.delenv("PRACTICUM_WEIGHTS", raising=False)
    yield place
    server.shutdown()
    server.server_close()


def same(one, other):
    return all(map(torch.equal, one.state_dict().values(), other.state_dict().values()))


def demand_refused(said, *arguments, kind=ValueError, to=None, **options):
    to = to or model()
    before = model()
    before.load_state_dict(to.state_dict())
    with pytest.raises(kind, match=said) as caught:
        load_trained(to, *arguments, **options)
    assert caught.value._render_traceback_() == [f"{kind.__name__}: {caught.value}"]
    assert same(to, before)


def test_weights_of_a_folder(folder, source, monkeypatch, capsys):
    new = model()
    assert load_trained(new, NAME, VOCAB, folder) is new and same(new, source)
    assert capsys.readouterr().out == f"{NAME}: trained weights of {folder}\n"
    monkeypatch.setenv("PRACTICUM_WEIGHTS", str(folder))
    assert same(load_trained(model(), NAME, VOCAB), source)


def test_weights_of_a_release_are_fetched_once(release, source, capsys):
    for _ in range(2):
        assert same(load_trained(model(), NAME, VOCAB), source)
        assert capsys.readouterr().out == f"{NAME}: trained weights of release r1\n"
    assert Quiet.asked == 1


def test_a_broken_cache_is_filled_again(release, source, home):
    load_trained(model(), NAME, VOCAB)
    (cached,) = (home / "cache").iterdir()
    cached.write_bytes(cached.read_bytes()[:100])
    assert same(load_trained(model(), NAME, VOCAB), source) and Quiet.asked == 2


def test_other_weights_than_announced_are_refused_and_not_kept(release, folder, home):
    (release / f"{NAME}.pt").write_bytes(b"something else")
    demand_refused("not what weights.json announces.*try again", NAME, VOCAB)
    assert list((home / "cache").iterdir()) == []
    (folder / f"{NAME}.pt").write_bytes(b"something else")
    demand_refused("not what weights.json announces.*make it again", NAME, VOCAB, folder)


def test_a_release_that_is_not_there_or_a_network_that_is_not(release, monkeypatch):
    (release / f"{NAME}.pt").unlink()
    demand_refused("is not there: the answer was 404", NAME, VOCAB)
    monkeypatch.setattr(trained, "address", lambda: "http://127.0.0.1:9")
    demand_refused("cannot be reached; give folder=", NAME, VOCAB, kind=ConnectionError)


def test_another_vocabulary_is_refused(folder):
    for words in (["good", "bad"], ["bad", "good", "film"]):
        other = Vocabulary(words)
        demand_refused("for a vocabulary of 7 words, and yours", NAME, other, folder)


def test_another_model_is_refused(folder):
    with pytest.raises(
        ValueError, match=r"are for models.MeanEmbedding\(len\(vocab\)\); this Simple"
    ):
        load_trained(models.SimpleRNN(len(VOCAB)), NAME, VOCAB, folder)


def test_other_names_and_folders_are_refused(folder, tmp_path):
    demand_refused("no weights called 'lstm'; there are: mean_embedding", "lstm", VOCAB, folder)
    demand_refused("no readable weights.json", NAME, VOCAB, tmp_path)
    (folder / f"{NAME}.pt").unlink()
    demand_refused("cannot be read: No such file", NAME, VOCAB, folder)


def test_what_ships_is_a_release_or_says_that_there_is_none_yet(monkeypatch):
    monkeypatch.delenv("PRACTICUM_WEIGHTS", raising=False)
    index = json.loads(read_asset("weights.json"))
    if index["release"]:
        assert index["files"].keys() == trained.CLASSES.keys()
    else:
        demand_refused("come with the first release. Ask your instructor", NAME, VOCAB)


def test_the_names_are_those_of_the_remembered_runs(capsys):
    for name, made in trained.CLASSES.items():
        assert recall(name) and hasattr(models, made)


def test_the_address_is_that_of_the_project():
    assert project.address() == address_in(find_root())


@pytest.mark.slow
def test_the_tool_makes_a_folder_that_can_be_loaded(tmp_path, capsys):
    reviews = hold_out(load_reviews(max_train=128, max_test=32))
    vocab = Vocabulary.build(tokenize_all(reviews["train"]["text"]), 500)
    train_weights.write(tmp_path, reviews, vocab)
    for name, made in trained.CLASSES.items():
        new = getattr(models, made)(len(vocab))
        load_trained(new, name, vocab, tmp_path)
        demand_refused("for a vocabulary of 500 words", name, VOCAB, tmp_path)
