"""Take the pictures of the board: `python -m docs.tools.pictures`. Needs Chromium, and the extras `board` and `docs`.

Two sessions of `tradmetrics demo` trade while `tradmetrics board` watches them, and a headless Chromium looks at its
pages. Each picture is a WebP file at twice the size of the screen's points, light or dark.
"""

import io
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import sync_playwright

IMAGES: Final = Path(__file__).parent.parent / "images" / "board"
LARGEST: Final = 250_000
SECONDS: Final = 320.0
"""How long the bots trade before the first picture."""
_SPEED: Final = 6
_ARGUMENTS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


@dataclass(frozen=True)
class Picture:
    """One picture.

    Attributes:
        name: Its file's name, without the ending.
        path: The page.
        theme: `light` or `dark`.
        size: Width and height of the screen in points.
        scroll: A heading to scroll to; empty for the top of the page.
    """

    name: str
    path: str
    theme: str = "light"
    size: tuple[int, int] = (1280, 800)
    scroll: str = ""


PICTURES: Final = (
    Picture("overview-light", "", size=(1280, 1130)),
    Picture("overview-dark", "", "dark", size=(1280, 1130)),
    Picture("phone-light", "", size=(390, 780)),
    Picture("phone-dark", "", "dark", size=(390, 780)),
    Picture("main", "", scroll="Profit and loss"),
    Picture("execution", "d/execution"),
    Picture("risk", "d/risk"),
    Picture("strategy", "d/strategy"),
    Picture("market_data", "d/market_data"),
    Picture("models", "d/models"),
    Picture("system", "d/system"),
    Picture("instrumentation", "instrumentation"),
)


def take(seconds: float = SECONDS, images: Path = IMAGES) -> None:
    """Take every picture.

    Args:
        seconds: How long the bots trade before.
        images: The folder to write to.

    Raises:
        RuntimeError: A picture is larger than 250 KB.
    """
    images.mkdir(parents=True, exist_ok=True)
    program = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    with ExitStack() as stack:
        ports = [_free_port() for _ in range(3)]
        for seed, port in enumerate(ports[:2], start=3):
            options = f"--speed {_SPEED} --seed {seed} --port {port}"
            stack.enter_context(_running("demo", *options.split()))
        stack.enter_context(_running("board", *map(str, ports[:2]), "--port", str(ports[2])))
        time.sleep(seconds)
        profile = stack.enter_context(tempfile.TemporaryDirectory())
        playwright = stack.enter_context(sync_playwright())
        browser = playwright.chromium.launch_persistent_context(
            profile, executable_path=program, args=list(_ARGUMENTS), device_scale_factor=2
        )
        stack.callback(browser.close)
        for picture in PICTURES:
            path = images / f"{picture.name}.webp"
            path.write_bytes(_shot(browser, f"http://127.0.0.1:{ports[2]}/", picture))
            if path.stat().st_size > LARGEST:
                raise RuntimeError(f"{path} has {path.stat().st_size} bytes, more than {LARGEST}")
            print(f"{path.name}: {path.stat().st_size // 1000} KB")


def _shot(browser: Any, base: str, picture: Picture) -> bytes:
    page = browser.new_page()
    try:
        page.set_viewport_size({"width": picture.size[0], "height": picture.size[1]})
        page.goto(f"{base}{picture.path}?theme={picture.theme}&span=5m")
        page.wait_for_selector("h1")
        page.wait_for_timeout(7_000)
        if picture.scroll:
            heading = page.locator("h2", has_text=picture.scroll).first
            heading.evaluate("node => window.scrollTo(0, node.getBoundingClientRect().top + window.scrollY - 70)")
            page.wait_for_timeout(1_000)
        png = page.screenshot()
    finally:
        page.close()
    image = Image.open(io.BytesIO(png)).convert("RGB")
    for quality in (88, 80, 70, 60):
        packed = io.BytesIO()
        image.save(packed, "WEBP", quality=quality, method=6)
        if packed.tell() <= LARGEST:
            break
    return packed.getvalue()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def _running(*arguments: str) -> Iterator[None]:
    command = [sys.executable, "-m", "tradmetrics", *arguments]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


if __name__ == "__main__":
    take(*map(float, sys.argv[1:2]))
