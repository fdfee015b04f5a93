"""An environment for child processes and kernels in which no other computer can be reached."""

import os
from pathlib import Path

SWITCHES = ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE", "HF_DATASETS_OFFLINE")
GUARD = Path(__file__).parent / "network_guard"


def offline(folder):
    """The variables to set, with an empty hub cache; attempts are written to ``attempts(folder)``.

    The hub's own offline switches are off, so that nothing is saved by them.
    """
    path = os.pathsep.join(filter(None, [str(GUARD), os.environ.get("PYTHONPATH")]))
    return {
        "PYTHONPATH": path, "NETWORK_LOG": str(folder / "network.log"),
        "HF_HOME": str(folder / "hub"), **dict.fromkeys(SWITCHES, "0"),
    }  # fmt: skip


def attempts(folder):
    """The hosts that were asked for, in order."""
    log = folder / "network.log"
    return [line.split()[1] for line in log.read_text().splitlines()] if log.exists() else []
