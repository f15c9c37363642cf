"""A visitor's whole way through the page, in a real Chromium with a microphone that plays the example clip.

Needs the extra `app`, playwright and a Chromium (Debian: `apt install chromium`); skipped without them. With
IMAGINEID_SCREENSHOTS=FOLDER it leaves pictures of every step.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
import time
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

import pytest

pytest.importorskip("gradio", reason="the extra app is not installed")
playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no Chromium is installed")

PATIENCE = 1000 * int(os.environ.get("IMAGINEID_PATIENCE", "300"))  # milliseconds: others may be using the machine
SHOWN = "Number(document.querySelector('#stage [data-shown]')?.dataset.shown ?? 0)"


@pytest.fixture(scope="module")
def site(tmp_path_factory, shipped_weights):
    """Address of the page, and the folder for its temporary files."""
    folder = tmp_path_factory.mktemp("page")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "imagineid_sdk.cli", "app", "--port", str(port)]
    with (folder / "log").open("wb") as log:
        server = subprocess.Popen(command, env=os.environ | {"TMPDIR": str(folder)}, stdout=log, stderr=log)
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(PATIENCE // 100):
            try:
                urlopen(address)
                break
            except URLError:
                assert server.poll() is None, (folder / "log").read_text()
                time.sleep(0.1)
        yield address, folder
    finally:
        server.terminate()
        server.wait(PATIENCE / 1000)
    assert not list(folder.glob("imagineid-app-*"))  # nothing is left when the page is closed


@pytest.fixture
def browser(example_audio):
    fake = ["--use-fake-ui-for-media-stream", "--use-fake-device-for-media-stream"]
    fake.append(f"--use-file-for-fake-audio-capture={example_audio / 'hello.wav'}")
    with playwright.sync_playwright() as driver:
        launched = driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", *fake])
        yield launched
        launched.close()


def picture(page, name):
    if folder := os.environ.get("IMAGINEID_SCREENSHOTS"):
        page.screenshot(path=Path(folder) / f"{name}-{page.viewport_size['width']}.png", full_page=True)


def is_as_wide_as_the_window(page):
    return page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")


@pytest.mark.parametrize("width", [1440, 390])
def test_a_visitor_goes_the_whole_way(site, browser, example_audio, tmp_path, media, width):
    address, folder = site
    foreign = []
    page = browser.new_page(viewport={"width": width, "height": 900}, permissions=["microphone"])
    page.set_default_timeout(PATIENCE)
    page.on("request", lambda request: foreign.append(request.url) if request.url.startswith("http") else None)
    page.goto(address)
    page.set_input_files("#clip input[type=file]", example_audio / "hello.wav")
    page.click("#imagine")
    page.wait_for_selector("#faces .face")
    assert page.locator("#faces .face").count() == 8
    assert "7.1 s" in page.inner_text("#heard")

    page.click("#faces .face >> nth=2")
    page.wait_for_selector("#preview img[src^='data:image/webp']")
    assert page.locator("#faces .face.chosen").count() == 1
    before = page.get_attribute("#preview img", "src")
    page.click("#wish-hair input")
    page.get_by_role("option", name="bob", exact=True).click()
    page.wait_for_function("before => document.querySelector('#preview img').src !== before", arg=before)
    picture(page, "faces")

    page.click("#film")
    page.wait_for_selector("#cancel:not([disabled])")
    page.wait_for_selector("#video .progress-text, #video .progress-level", state="attached")
    picture(page, "progress")
    page.click("#cancel")
    page.wait_for_selector("text=Cancelled")
    page.click("#film")
    page.wait_for_selector("#video video")
    page.wait_for_selector("#download-mesh:not([disabled])")
    picture(page, "video")
    assert is_as_wide_as_the_window(page)
    for kind, ending in (("video", "mp4"), ("person", "safetensors"), ("motion", "csv"), ("mesh", "glb")):
        with page.expect_download() as download:
            page.click(f"#download-{kind}")
        download.value.save_as(tmp_path / f"file.{ending}")
        assert (tmp_path / f"file.{ending}").stat().st_size > 1000
    assert media.seconds(tmp_path / "file.mp4") == pytest.approx(7.11, abs=0.01)

    page.get_by_role("tab", name="Live").click()
    page.click("#stage button")
    page.wait_for_function(f"{SHOWN} > 25")
    assert "behind your voice" in page.inner_text("#stage .note")
    picture(page, "live")
    assert is_as_wide_as_the_window(page)
    page.click("#stage button")
    page.wait_for_selector("#stage :text('Start the microphone')")

    assert [url for url in foreign if not url.startswith(address)] == []
    page.close()
    deadline = time.time() + 30
    while kept(folder) and time.time() < deadline:
        time.sleep(0.5)
    assert kept(folder) == []


def test_a_recorded_voice_gets_a_face_and_the_face_says_other_words(site, browser, example_audio, tmp_path, media):
    address, _ = site
    page = browser.new_page(viewport={"width": 1440, "height": 900}, permissions=["microphone"])
    page.set_default_timeout(PATIENCE)
    page.goto(address)
    page.click("#clip button[aria-label='Record audio']")
    page.click("#clip button:has-text('Record')")
    page.wait_for_timeout(3000)
    page.click("#clip button:has-text('Stop')")
    page.wait_for_selector("#clip button[aria-label='Play']")
    page.click("#imagine")
    page.click("#faces .face >> nth=5")
    page.wait_for_selector("#preview img[src^='data:image/webp']")
    page.click("#wish-background input")
    page.get_by_role("option", name="park", exact=True).click()
    page.click("#wish-size input")
    page.get_by_role("option", name="256", exact=True).click()
    page.click("#film")
    page.wait_for_selector("#download-mesh:not([disabled])")
    first = page.get_attribute("#video video", "src")

    page.click("#again button:has-text('Same face, new words')")
    page.set_input_files("#words input[type=file]", example_audio / "reading.flac")
    page.click("#say")
    page.wait_for_function("before => document.querySelector('#video video')?.src !== before", arg=first)
    page.wait_for_selector("#download-mesh:not([disabled])")
    picture(page, "new-words")
    with page.expect_download() as download:
        page.click("#download-video")
    download.value.save_as(tmp_path / "file.mp4")
    assert media.seconds(tmp_path / "file.mp4") == pytest.approx(7.1, abs=0.1)
    assert media.frames(tmp_path / "file.mp4").shape[1:3] == (256, 256)
    page.close()


def kept(folder):
    """Files of visitors."""
    return [path for path in folder.glob("imagineid-app-*/**/*") if path.is_file() and path.suffix in KINDS]


KINDS = (".wav", ".mp4", ".csv", ".glb", ".safetensors", ".webp", ".png", ".jpg")
