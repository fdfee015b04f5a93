"""JupyterLab, which takes a notebook for modified as soon as it is opened on another Python.

A notebook's file names the Python that ran it last, to the third number. JupyterLab compares this
with the kernel that it starts, and where they differ, it changes the notebook. So the notebooks of
a course that many Pythons open are handed to it as if this one had written them.
"""

import sys
from pathlib import Path

from jupyter_server.services.contents.largefilemanager import AsyncLargeFileManager

from practicum_utils.authoring.copies import KERNEL, LANGUAGE


def command(folder: Path, *options: str) -> list[str]:
    """The command that opens JupyterLab on a folder, with more options of jupyter lab."""
    manager = f"{OfThisPython.__module__}.{OfThisPython.__qualname__}"
    opening = f"--ServerApp.contents_manager_class={manager}"
    return [sys.executable, "-m", "jupyterlab", str(folder), opening, *options]


class OfThisPython(AsyncLargeFileManager):
    """Reads files as JupyterLab's own manager does; a notebook names the Python that is here.

    What stands in the file changes when it is saved, and only then.
    """

    async def get(self, path: str, content: bool = True, **how: object) -> dict:
        """Return the model of a file or folder, as the server's API describes it."""
        model = await super().get(path, content=content, **how)
        if content and model["type"] == "notebook":
            metadata = model["content"]["metadata"]
            if metadata.get("kernelspec", {}).get("name") == KERNEL["name"]:
                metadata["kernelspec"] = {**KERNEL, "display_name": self._name_of_kernel()}
                metadata["language_info"] = LANGUAGE
        return model

    def _name_of_kernel(self) -> str:
        specs = self.parent.kernel_spec_manager
        return specs.get_kernel_spec(KERNEL["name"]).display_name
