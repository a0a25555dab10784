"""A browser, a shop, and somebody in front of the page."""

import os
import shutil
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.person import Person
from tests.browser.shop import Shop
from tests.local import ROOT
from tests.local.stack import Stack

MISSING = "There is no chromium on this machine: `make browser` installs Debian's (as root)."
PICTURES = ROOT / "docs/page"

type Sits = Callable[..., Person]


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Debian's chromium; none is ever fetched."""
    path = shutil.which("chromium")
    if path is None:
        pytest.fail(MISSING, pytrace=False)
    with sync_playwright() as playwright:
        # Root may not use its sandbox; the pages are our own.
        launched = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield launched
        launched.close()


@pytest.fixture(scope="session")
def shop(stack: Stack) -> Iterator[Shop]:
    """A client whose pages lead back to a server of the test's."""
    opened = Shop(stack)
    yield opened
    opened.close()


@pytest.fixture
def sits(browser: Browser, stack: Stack, shop: Shop) -> Iterator[Sits]:
    """Puts somebody in front of the page of a new verification.

    Its arguments are fields of the start; `browser_` ones are those of a browser's context, and
    `script` runs before any of the page's.
    """
    opened = []

    def sit(script: str = "", opens: bool = True, **fields: Any) -> Person:
        ours = {n: fields.pop(n) for n in [*fields] if n.startswith("browser_")}
        options = {name.removeprefix("browser_"): value for name, value in ours.items()}
        small = {"viewport": {"width": 360, "height": 640}, "locale": "en-GB"}
        context = browser.new_context(**(small | options))
        context.set_default_timeout(15_000)
        opened.append(context)
        if script:
            context.add_init_script(script)
        person = Person(stack, shop, context.new_page(), fields)
        if opens:
            person.opens()
        return person

    yield sit
    for context in opened:
        context.close()


@pytest.fixture
def shoot() -> Callable[[Page, str], None]:
    """Takes a picture for docs/page.md, if `make screenshots` asks for it."""

    def take(page: Page, name: str) -> None:
        if os.environ.get("VERIFY_SCREENSHOTS"):
            PICTURES.mkdir(exist_ok=True)
            # Numbers differ from run to run; a picture should not.
            page.evaluate(
                "document.querySelectorAll('bdi').forEach("
                "e => e.textContent = e.textContent.replace(/\\d{3}$/, '123'))"
            )
            page.screenshot(path=PICTURES / f"{name}.png", animations="disabled", caret="hide")

    return take
