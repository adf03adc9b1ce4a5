"""Take the picture of the README: the policy page of the demonstration, in the system's Chromium."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parent.parent
OUT = ROOT / "docs" / "images" / "policy-page.png"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
SIZE = {"width": 1280, "height": 1000}


def main() -> int:
    """Serve the demonstration on a free port, wait for its address, take the picture, end it."""
    with tempfile.TemporaryDirectory() as folder:
        server = subprocess.Popen(
            [sys.executable, "-m", "upheld", "demo", "--port", "0", "--data", f"{folder}/data"],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            take(_address(server))
        finally:
            server.terminate()
            server.wait(timeout=20)
    print(OUT.relative_to(ROOT))
    return 0


def _address(server: subprocess.Popen[str]) -> str:
    assert server.stdout is not None
    for line in server.stdout:
        if found := re.match(r"(http://\S+)/privacy/en\s", line):
            return found[1]
    message = "the demonstration ended without an address"
    raise RuntimeError(message)


def take(base: str) -> None:
    """Photograph the table of situations with the first rows, in English."""
    OUT.parent.mkdir(parents=True, exist_ok=True)
    with sync_playwright() as play:
        browser = play.chromium.launch(
            executable_path=CHROMIUM,
            args=["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"],
        )
        page = browser.new_page(viewport=SIZE, locale="en-GB")
        page.goto(f"{base}/privacy/en", wait_until="networkidle")
        page.screenshot(path=str(OUT))
        browser.close()


if __name__ == "__main__":
    sys.exit(main())
