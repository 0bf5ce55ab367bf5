"""The explorer in JupyterLab and Voilà, in a real browser: every control, every tab, and the line that it shows."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

from om_toolkit.views.explorer.answers import TABS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import Browser, Page

pytestmark = pytest.mark.slow

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

RUN_ALL = """async () => {
  const app = window.jupyterapp;
  await app.restored;
  while (!app.shell.currentWidget) await new Promise(done => setTimeout(done, 100));
  const notebook = app.shell.currentWidget;
  await notebook.context.ready;
  await notebook.revealed;
  await notebook.sessionContext.ready;
  await notebook.sessionContext.session.kernel.info;
  await app.commands.execute('notebook:run-all-cells');
}"""

RUN = """async code => {
  const kernel = window.jupyterapp.shell.currentWidget.sessionContext.session.kernel;
  const future = kernel.requestExecute({ code });
  let text = '';
  future.onIOPub = message => {
    text += message.content.data?.['text/plain'] ?? message.content.evalue ?? '';
  };
  await future.done;
  return text;
}"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("jupyter")
    shutil.copy(NOTEBOOKS / "08_explorer.ipynb", folder)
    settings = folder / "config" / "labconfig"
    settings.mkdir(parents=True)
    no_news = {"disabledExtensions": {"@jupyterlab/apputils-extension:announcements": True}}
    (settings / "page_config.json").write_text(json.dumps(no_news))
    return folder


def served(folder: Path, *command: str) -> Iterator[str]:
    """Start a server on a free port, wait until it answers, and stop it in the end."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    names = {"JUPYTER_CONFIG_DIR": "config", "JUPYTER_DATA_DIR": "data", "JUPYTER_RUNTIME_DIR": "runtime"}
    names |= {"JUPYTERLAB_WORKSPACES_DIR": "workspaces", "JUPYTERLAB_SETTINGS_DIR": "settings"}
    environment = os.environ | {name: str(folder / place) for name, place in names.items()}
    log = (folder / "server.log").open("w")
    arguments = [*command, f"--port={port}"]
    with subprocess.Popen(arguments, cwd=folder, env=environment, stdout=log, stderr=log) as server, log:
        address = f"http://127.0.0.1:{port}/"
        try:
            for _ in range(300):
                try:
                    urllib.request.urlopen(address, timeout=60).close()
                    break
                except OSError:
                    assert server.poll() is None, (folder / "server.log").read_text()
                    time.sleep(0.2)
            yield address
        finally:
            server.terminate()


@pytest.fixture
def lab(folder: Path) -> Iterator[str]:
    options = "--no-browser --allow-root --ip=127.0.0.1 --IdentityProvider.token= --ServerApp.password="
    options += " --ServerApp.port_retries=0 --LabApp.expose_app_in_browser=True --LabApp.extension_manager=readonly"
    yield from served(folder, sys.executable, "-m", "jupyterlab", *options.split())


@pytest.fixture
def voila(folder: Path) -> Iterator[str]:
    yield from served(
        folder, sys.executable, "-m", "voila", "08_explorer.ipynb", "--no-browser", "--Voila.ip=127.0.0.1"
    )


def shown(page: Page) -> str:
    return page.locator(".om-explorer").first.inner_text()


def expect_change(page: Page, before: str) -> str:
    page.wait_for_function(
        "before => document.querySelector('.om-explorer')?.innerText !== before", arg=before, timeout=30_000
    )
    return shown(page)


def use_every_control(page: Page) -> None:
    """See each tab, set each filter, move the period, find an order, and open a row down to its order."""
    for tab in [*list(TABS)[1:], "overview", "latency"]:
        before = shown(page)
        page.locator(".widget-toggle-button", has_text=tab).first.click()
        assert page.locator(".om-explorer tbody tr").count()
        expect_change(page, before)
    for place in range(5):
        before = shown(page)
        page.locator(".widget-dropdown select").nth(place).select_option(index=1)
        expect_change(page, before)
        before = shown(page)
        page.locator(".widget-dropdown select").nth(place).select_option(index=0)
        expect_change(page, before)
    before = shown(page)
    page.locator(".om-period .noUi-handle-lower").first.press("ArrowRight")
    before = expect_change(page, before)
    assert "2026-08-" in before
    page.locator(".om-explorer tr[data-row]").nth(1).click()
    before = expect_change(page, before)
    page.locator(".om-explorer tr[data-row] button").first.press("Enter")
    before = expect_change(page, before)
    assert "order lines" in before
    for _ in range(2):
        page.get_by_role("button", name="Back").first.click()
        before = expect_change(page, before)
    search = page.locator(".widget-text input").first
    search.fill("100078")
    search.press("Enter")
    before = expect_change(page, before)
    assert "om.timeline(found)" in before
    page.get_by_role("button", name="Back").first.click()
    expect_change(page, before)


def test_in_jupyterlab_every_control_works_and_the_copied_line_returns_the_frame(browser: Browser, lab: str) -> None:
    context = browser.new_context(viewport={"width": 1300, "height": 1500})
    context.grant_permissions(["clipboard-read", "clipboard-write"])
    page = context.new_page()
    page.goto(f"{lab}doc/tree/08_explorer.ipynb?reset", wait_until="domcontentloaded")
    page.wait_for_function("window.jupyterapp !== undefined", timeout=60_000)
    page.evaluate(RUN_ALL)
    page.wait_for_selector(".om-explorer table", timeout=60_000)
    use_every_control(page)
    for tab in TABS:
        before = shown(page)
        page.locator(".widget-toggle-button", has_text=tab).first.click()
        expect_change(page, before)
        page.get_by_role("button", name="Copy line").first.click()
        page.get_by_role("button", name="Copied").first.wait_for(timeout=30_000)
        *assignments, expression = page.evaluate("navigator.clipboard.readText()").splitlines()
        compare = f"polars.testing.assert_frame_equal({expression}, explorer.frame)"
        code = "\n".join(["import polars.testing", *assignments, compare, "explorer.tab.value"])
        assert page.evaluate(RUN, code) == f"'{tab}'"
    with page.expect_download() as download:
        page.get_by_role("button", name="Save table (CSV)").first.click()
    assert download.value.suggested_filename == "orders.csv"
    assert download.value.path().read_text("utf-8").startswith("order_id,")
    with page.expect_download() as download:
        page.get_by_role("button", name="Save table (Excel)").first.click()
    assert download.value.suggested_filename == "orders.xlsx"
    sheet = pl.read_excel(download.value.path().read_bytes(), sheet_name="orders")
    assert page.evaluate(RUN, "explorer.frame.height") == str(sheet.height)
    assert page.locator('[data-mime-type="application/vnd.jupyter.error"]').count() == 0
    context.close()


def test_in_voila_every_control_works(browser: Browser, voila: str) -> None:
    page = browser.new_page(viewport={"width": 1300, "height": 1500})
    page.goto(voila, wait_until="domcontentloaded", timeout=120_000)
    page.wait_for_selector(".om-explorer table", timeout=60_000)
    use_every_control(page)
    page.close()
