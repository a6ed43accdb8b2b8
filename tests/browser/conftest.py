"""Chromium as Debian has it, and a city process in small for it to look at."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from threading import Timer

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, sync_playwright

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
CHILD = Path(__file__).with_name("console_child.py")
ROOT = Path(__file__).parents[2]


class City:
    """The child process: ``do`` gives it a command and waits for its answer."""

    def __init__(self, folder: Path, port: int = 0) -> None:
        self._process = subprocess.Popen(
            [sys.executable, str(CHILD), str(port), str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=ROOT,
            env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "HOME": str(folder)},
        )
        self.url = str(self._answer()["url"])

    def do(self, command: str, **given: object) -> dict[str, object]:
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps({"do": command, **given}) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, object]:
        assert self._process.stdout is not None
        watch = Timer(60, self._process.kill)
        watch.start()
        line = self._process.stdout.readline()
        watch.cancel()
        assert line, f"the city process ended with status {self._process.wait(10)}"
        answer: dict[str, object] = json.loads(line)
        return answer

    def kill(self) -> None:
        self._process.kill()
        self._process.wait(10)


@dataclass
class Heard:
    """What a page did that it should not."""

    outside: list[str] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    host: str = "http://127.0.0.1"

    def request(self, request: Request) -> None:
        if not request.url.startswith((self.host, "ws://127.0.0.1", "data:", "blob:")):
            self.outside.append(request.url)

    def console(self, message: ConsoleMessage) -> None:
        if message.type == "error":
            self.errors.append(message.text)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    if CHROMIUM is None:
        pytest.skip("chromium is missing; install it with: apt-get install chromium fonts-noto-cjk")
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        )
        yield chromium
        chromium.close()


@pytest.fixture(scope="session")
def city(tmp_path_factory: pytest.TempPathFactory) -> Iterator[City]:
    if CHROMIUM is None:
        pytest.skip("chromium is missing; install it with: apt-get install chromium fonts-noto-cjk")
    town = City(tmp_path_factory.mktemp("city"))
    yield town
    town.kill()


@pytest.fixture
def heard() -> Heard:
    return Heard()


@pytest.fixture
def page(browser: Browser, heard: Heard) -> Iterator[Page]:
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    tab = context.new_page()
    tab.set_default_timeout(10_000)
    tab.on("request", heard.request)
    tab.on("console", heard.console)
    tab.on("pageerror", lambda error: heard.errors.append(str(error)))
    yield tab
    context.close()
