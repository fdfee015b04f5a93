"""The Hugging Face hub: asked once whether it answers, so that nobody waits in vain for it."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

PATIENCE = 5.0  # seconds


def hub_answers() -> bool:
    """True if the hub (or the mirror named by HF_ENDPOINT) answers a request, whatever it says."""
    from huggingface_hub import constants
    from huggingface_hub.utils import get_session

    try:
        get_session().head(constants.ENDPOINT, timeout=PATIENCE)
        return True
    except Exception:  # no network, no such name, offline mode: each raises a type of its own
        return False


@contextmanager
def without_waiting() -> Iterator[None]:
    """Where the hub does not answer, its clients use this computer's copies, or fail at once.

    Left alone they try each file six times, for half a minute and more, with a warning each time.
    """
    if hub_answers():
        yield
        return
    import datasets
    import huggingface_hub

    with (
        patch.object(huggingface_hub.constants, "HF_HUB_OFFLINE", True),
        patch.object(datasets.config, "HF_HUB_OFFLINE", True),
    ):
        yield
