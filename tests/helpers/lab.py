"""JupyterLab as a student has it: a server with settings of its own, and Debian's Chromium.

``Lab`` is one open page. It waits for states that can be seen, never for a time.
"""

import json
import os
import re
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat
from tiers import HANGS

from practicum_utils.authoring.lab import command

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox, which root may not have; no call home, for which there is no network.
FLAGS = (
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
THEMES = {"light": "JupyterLab Light", "dark": "JupyterLab Dark"}
SIZE = {"width": 1024, "height": 900}  # a small laptop, or what a projector shows
CELLS = ".jp-Notebook .jp-Cell"
OUTPUT = ".jp-OutputArea-output"
PANEL = ".jp-WindowedPanel-outer"
SESSION = "jupyterapp.shell.currentWidget?.sessionContext"
KERNEL = f"{SESSION}.session?.kernel"
# What stands to the left of the code cells: [ ], [*] while running or waiting, [7] afterwards.
PROMPTS = "[...document.querySelectorAll('.jp-InputPrompt')].map(prompt => prompt.textContent)"
NUMBER = re.compile(r"\d")
PROBE = Path(__file__).with_name("probe.js")
TALLEST = 16_000  # a picture higher than this is cut


def missing() -> str:
    """What has to be installed before these tests can run; empty if nothing."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "needs playwright: pip install playwright"
    if find_browser() is None:
        return "needs Chromium: apt-get install chromium"
    return ""


def find_browser() -> str | None:
    """The path of the first browser of BROWSERS that is installed."""
    return next(filter(None, map(shutil.which, BROWSERS)), None)


@contextmanager
def chromium() -> Iterator:
    """A browser without a window; playwright's own cannot be downloaded everywhere."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_browser(), args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


def write_setting(home: Path, name: str, values: dict) -> None:
    """Write one file of JupyterLab's user settings, "apputils-extension/themes" for example."""
    path = home / "settings" / "@jupyterlab" / f"{name}.jupyterlab-settings"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


@contextmanager
def serve(folder: Path, home: Path) -> Iterator[str]:
    """Run JupyterLab on ``folder`` as practicum lab does, its files under ``home``; its address.

    Its list of trusted notebooks is new, so every notebook with outputs is untrusted.
    """
    write_setting(home, "apputils-extension/notification", {"fetchNews": "false"})
    folders = {f"JUPYTER_{name}_DIR": str(home / name.lower()) for name in
               ("CONFIG", "DATA", "RUNTIME")}  # fmt: skip
    folders |= {"JUPYTERLAB_SETTINGS_DIR": str(home / "settings")}
    folders |= {"JUPYTERLAB_WORKSPACES_DIR": str(home / "workspaces")}
    port = free_port()
    options = [
        "--no-browser", f"--port={port}", "--allow-root",
        "--ServerApp.token=", "--ServerApp.password=", "--ServerApp.port_retries=0",
        f"--ServerApp.root_dir={folder}", "--LabApp.expose_app_in_browser=True",
    ]  # fmt: skip
    home.mkdir(parents=True, exist_ok=True)
    with (home / "server.log").open("w") as log:
        server = subprocess.Popen(
            command(folder, *options),
            env={**os.environ, **folders}, stdout=log, stderr=subprocess.STDOUT,
        )  # fmt: skip
        try:
            address = f"http://127.0.0.1:{port}"
            wait_for_server(server, address, home / "server.log")
            yield address
        finally:
            server.terminate()  # shuts its kernels down too
            server.wait(HANGS)


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return listening.getsockname()[1]


def wait_for_server(server: subprocess.Popen, address: str, log: Path) -> None:
    deadline = time.monotonic() + HANGS
    while time.monotonic() < deadline and server.poll() is None:
        try:
            with urllib.request.urlopen(f"{address}/api/status", timeout=5):
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{log.read_text()[-2000:]}")


def see(place, text: str) -> None:
    """Wait until this place of the page shows the text."""
    place.filter(has_text=text).wait_for()


class Lab:
    """One notebook, open in a page of its own, as ``/doc/tree/...`` shows it.

    folder: what the server serves.  path: the notebook's, inside that folder.
    """

    def __init__(self, page, folder: Path, path: str):
        self.page, self.path, self.file = page, path, folder / path
        page.set_default_timeout(1000 * HANGS)
        page.goto(f"/doc/tree/{path}")
        count = len(self.read().cells)  # they arrive one after the other
        self.wait(f"document.querySelectorAll('{CELLS}').length == {count}")

    def read(self) -> nbformat.NotebookNode:
        """The notebook as it stands in its file."""
        return nbformat.read(self.file, as_version=4)

    def wait(self, condition: str) -> None:
        """Wait until a condition in JavaScript holds."""
        self.page.wait_for_function(f"() => {condition}")

    def is_trusted(self) -> bool:
        """Does the server vouch for the outputs of any code cell?"""
        model = self.page.request.get(f"/api/contents/{self.path}").json()
        cells = [cell for cell in model["content"]["cells"] if cell.get("outputs")]
        return any(cell["metadata"]["trusted"] for cell in cells)

    def use_theme(self, theme: str) -> None:
        """What Settings > Theme does."""
        name = THEMES[theme]
        self.page.evaluate(
            "theme => jupyterapp.commands.execute('apputils:change-theme', {theme})", name
        )
        self.wait(f"document.body.dataset.jpThemeName == '{name}'")

    def open_sections(self) -> None:
        """What View > Expand All Headings does: show the cells of sections that stand closed."""
        self.page.evaluate("() => jupyterapp.commands.execute('notebook:expand-all-headings')")
        self.wait("!document.querySelector('.jp-Notebook .jp-Cell.jp-MarkdownHeadingCollapsed')")

    def probe(self) -> dict:
        """What is wrong with the page as it is drawn, kind by kind, and counts; see probe.js."""
        return self.page.evaluate(PROBE.read_text(encoding="utf-8"))

    def cell(self, text: str):
        """The cell whose source in the file has this text; it must be the only one."""
        (place,) = [i for i, cell in enumerate(self.read().cells) if text in cell.source]
        return self.page.locator(CELLS).nth(place)

    def outputs(self, text: str):
        """The outputs below the cell with this text."""
        return self.cell(text).locator(OUTPUT)

    def printed(self) -> str:
        """All that the cells show below themselves."""
        return "\n".join(self.page.locator(OUTPUT).all_text_contents())

    def wait_for_kernel(self) -> None:
        """Wait until the kernel is there, connected, and has nothing to do.

        The circle at the upper right says idle already before there is a kernel; cells that are
        run then stay as they are.
        """
        self.wait(
            f"{SESSION}?.isReady && {KERNEL}?.connectionStatus == 'connected'"
            f" && {KERNEL}.status == 'idle'"
        )

    def wait_for_language(self) -> None:
        """Wait until the notebook has been told what its kernel speaks."""
        self.page.evaluate(f"() => Promise.all([{KERNEL}.info, {KERNEL}.spec])")

    def is_modified(self) -> bool:
        """Does the tab say that there is something to save, which autosave would then write?"""
        return self.page.evaluate("() => jupyterapp.shell.currentWidget.context.model.dirty")

    def run_all(self) -> None:
        """Run > Run All Cells, and wait for its end, be it the last cell or an error."""
        self.wait_for_kernel()
        self.page.get_by_role("menuitem", name="Run", exact=True).click()
        self.page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
        self.wait(f"{PROMPTS}.some(text => /\\d/.test(text))")
        self.wait(f"!{PROMPTS}.some(text => text.includes('*'))")
        self.wait_for_kernel()

    def run(self, text: str) -> None:
        """Click into the cell with this text, press Shift+Enter, and wait for its end."""
        self.wait_for_kernel()
        cell = self.cell(text)
        prompt = cell.locator(".jp-InputPrompt")
        before = prompt.text_content()
        cell.locator(".cm-content").click()
        self.page.keyboard.press("Shift+Enter")
        prompt.filter(has_text=NUMBER, has_not_text=before).wait_for()
        self.wait_for_kernel()

    def replace_line(self, text: str, line: str, new: str) -> None:
        """Type over a line of the cell with this text, key by key; indentation stays."""
        self.cell(text).locator(".cm-line", has_text=line).click()
        for key in ("End", "Shift+Home"):
            self.page.keyboard.press(key)
        self.page.keyboard.type(new)

    def append(self, text: str, more: str) -> None:
        """Type at the end of the cell with this text, however few of its lines are in sight."""
        first = self.cell(text).locator(".cm-line").first
        first.click(timeout=30_000)
        self.page.keyboard.press("Control+End")
        self.page.keyboard.type(more)

    def save(self) -> None:
        """File > Save Notebook, and wait for the file to be written."""
        self.page.evaluate("() => jupyterapp.commands.execute('docmanager:save')")

    def picture(self, name: str) -> None:
        """Keep a picture of the whole notebook, where PRACTICUM_SCREENSHOTS names a folder."""
        folder = os.environ.get("PRACTICUM_SCREENSHOTS")
        if folder:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self.page.locator("#jupyterlab-splash").wait_for(state="detached")  # a change of theme
            height = self.page.locator(PANEL).evaluate("panel => panel.scrollHeight")
            self.page.set_viewport_size({**SIZE, "height": min(height + 200, TALLEST)})
            self.page.screenshot(path=Path(folder) / f"{name}.png")
            self.page.set_viewport_size(SIZE)

    def close(self) -> None:
        """Stop the kernel, and close the page."""
        self.page.evaluate("() => jupyterapp.serviceManager.sessions.shutdownAll()")
        self.page.close()
