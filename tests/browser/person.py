"""Somebody in front of a page."""

import re
import time
from collections.abc import Mapping
from typing import Any

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]  # has none
from playwright.sync_api import Page, Response, expect

from tests.browser.shop import Shop
from tests.e2e.talking import a_number, code_in
from tests.local.stack import Stack

SERIOUS = ("serious", "critical")

expect.set_options(timeout=30_000)  # milliseconds: a function may have to start, on a busy machine


class Person:
    """Somebody who was sent to the page of a new verification.

    Attributes:
        page: the tab.
        answers: all that the tab was answered, oldest first.
        said: what the browser's console says, but for statuses of answers.
    """

    def __init__(self, stack: Stack, shop: Shop, page: Page, fields: Mapping[str, Any]) -> None:
        self._stack = stack
        self._shop = shop
        self.to = str(fields.get("to") or a_number())
        self.started = shop.starts(**{**fields, "to": self.to})
        self.id = str(self.started["id"])
        self.page = page
        self.answers: list[Response] = []
        self.said: list[str] = []
        self._listen(page)

    def opens(self) -> "Person":
        self.page.goto(self.started["page_url"])
        return self

    def another_tab(self) -> Page:
        """The same page once more."""
        tab = self.page.context.new_page()
        self._listen(tab)
        tab.goto(self.started["page_url"])
        return tab

    @property
    def code(self) -> str:
        """The code that came."""
        return code_in(self._stack.texts_to(self.to)[-1])

    def types(self, code: str, tab: Page | None = None) -> None:
        """Type a code, digit by digit; the last one sends it."""
        (tab or self.page).get_by_label("Code").press_sequentially(code)

    def reads(self, text: str, tab: Page | None = None) -> None:
        """Wait until something can be read."""
        expect((tab or self.page).get_by_text(text)).to_be_visible()

    def is_told(self, title: str, tab: Page | None = None) -> None:
        """Wait for a heading."""
        expect((tab or self.page).get_by_role("heading", level=1)).to_have_text(title)

    def came_back(self, tab: Page | None = None) -> None:
        """Wait for the shop, whose server says that it is true."""
        expect(tab or self.page).to_have_url(
            re.compile(f"^{re.escape(self._shop.url)}/back.order=7&verification={self.id}&result=")
        )
        self.is_told("confirmed", tab)

    def barriers(self) -> list[str]:
        """What axe-core finds that keeps people out."""
        found = Axe().run(self.page).response["violations"]
        return [f"{one['id']}: {one['help']}" for one in found if one["impact"] in SERIOUS]

    def lets_pass(self, seconds: int) -> None:
        """Let the last send have been so long ago."""
        self._set(sent_at=time.time_ns() // 1_000_000 - seconds * 1000)

    def lets_expire(self) -> None:
        """Let the time of the code be over."""
        self._set(valid_until=time.time_ns() // 1_000_000)

    def stored(self) -> Any:
        """The verification as its client sees it."""
        path = f"/v1/verifications/{self.id}"
        return self._stack.call("GET", path, None, self._shop.credentials).body

    def _set(self, **numbers: int) -> None:
        self._stack.aws("dynamodb").update_item(
            TableName=self._stack.tables["sessions"],
            Key={"pk": {"S": f"V#{self.id[1:]}"}, "sk": {"S": "V"}},
            UpdateExpression="SET " + ", ".join(f"{name} = :{name}" for name in numbers),
            ExpressionAttributeValues={f":{n}": {"N": str(v)} for n, v in numbers.items()},
        )

    def _listen(self, page: Page) -> None:
        page.on("response", lambda answer: self.answers.append(answer))
        page.on("pageerror", lambda error: self.said.append(str(error)))
        page.on("console", lambda line: self.said.append(line.text))
