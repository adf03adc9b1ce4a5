"""Take the pictures of the page about the look: every component, English in light colours and Japanese in dark ones."""

from __future__ import annotations

import shutil
import socket
import sys
import threading
import time
from pathlib import Path

import uvicorn
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "images"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
PICTURES = (("en", "light"), ("ja", "dark"))
STILL = "document.querySelectorAll('[data-every]').forEach((block) => delete block.dataset.every)"


def main() -> int:
    """Serve the specimen of the tests on a free port, take both pictures, end it."""
    sys.path.insert(0, str(ROOT))
    from tests.web.conftest import build

    listener = socket.socket()
    listener.bind(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(build(), log_level="warning", lifespan="on"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    take(f"http://127.0.0.1:{listener.getsockname()[1]}/specimen")
    server.should_exit = True
    thread.join(timeout=10)
    return 0


def take(url: str) -> None:
    """Photograph the whole page, small: it is there to be glanced at, the words stand on the page itself."""
    with sync_playwright() as play:
        browser = play.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        for lang, scheme in PICTURES:
            context = browser.new_context(
                color_scheme=scheme, viewport={"width": 720, "height": 900}, device_scale_factor=0.7
            )
            page = context.new_page()
            page.goto(f"{url}?lang={lang}")
            page.evaluate(STILL)
            if lang == "en":  # one of the two shows what a mistake looks like
                page.click("#form button.main")
                page.wait_for_selector("#faults")
                page.evaluate(STILL)
            page.screenshot(path=OUT / f"look-{lang}.jpg", full_page=True, type="jpeg", quality=50)
            context.close()
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
