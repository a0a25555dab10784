"""The page in chromium: the whole way, and every way that people leave it."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import Page, expect

from tests.browser.conftest import Sits
from tests.browser.shop import Shop
from tests.e2e.talking import operate, wrong
from tests.figures import Figure
from tests.local.stack import Stack

type Shoot = Callable[[Page, str], None]

MAX_BYTES = 30_000
SAYS_WHAT_CAME = """
window.OTPCredential = window.OTPCredential || function () {};
navigator.credentials.get = options => new Promise((resolve, reject) => {
  window.asked = options.otp.transport[0];
  window.tell = code => resolve({code});
  options.signal.addEventListener('abort', () => {
    sessionStorage.setItem('waits', 'no longer');
    reject(new Error());
  });
});
"""


def test_the_whole_way(sits: Sits, shop: Shop, shoot: Shoot, figure: Figure) -> None:
    person = sits()
    person.is_told("Enter your code")
    expect(person.page.get_by_label("Code")).to_be_focused()
    shoot(person.page, "enter")
    assert person.barriers() == []
    requests = len(person.answers)
    bytes_of_page = len(person.answers[0].body())
    person.types(wrong(person.code))
    person.reads("That code is not right.")
    person.reads("Attempts left: 4")
    assert person.barriers() == []
    shoot(person.page, "wrong")
    person.types(person.code)
    person.came_back()
    assert person.said == []
    assert shop.result(shop.visits[-1]) == "used"
    assert person.stored()["status"] == "verified"
    assert requests == 1 and bytes_of_page < MAX_BYTES
    assert {answer.url.split("/")[2] for answer in person.answers} == {
        person.started["page_url"].split("/")[2],
        shop.url.split("/")[2],
    }
    figure("hosted page", f"{bytes_of_page} bytes in {requests} request, none to anybody else")
    figure("hosted page, from opening it to coming back", f"{len(person.answers)} requests")


def test_wrong_codes_to_the_end(sits: Sits, shoot: Shoot) -> None:
    person = sits(max_attempts=3)
    for n, left in ((1, 2), (2, 1)):
        person.types(wrong(person.code, n))
        person.reads(f"Attempts left: {left}")
    person.types(wrong(person.code, 3))
    person.is_told("Too many wrong codes")
    assert person.barriers() == []
    shoot(person.page, "failed")
    person.page.get_by_role("link", name="Back").click()
    person.is_told("failed")  # says the shop
    assert "result" not in person.page.url


def test_a_code_expires_while_somebody_looks_at_it(sits: Sits, shoot: Shoot) -> None:
    person = sits(opens=False)
    person.page.clock.install()
    person.opens()
    expect(person.page.locator("#until")).to_have_text(re.compile("^(5:00|4:5[0-9])$"))
    person.lets_expire()
    person.page.clock.fast_forward(301_000)
    person.is_told("The code has expired")
    assert person.barriers() == []
    shoot(person.page, "expired")


def test_a_code_that_comes_too_late(sits: Sits) -> None:
    person = sits()
    code = person.code
    person.lets_expire()
    person.types(code)
    person.is_told("The code has expired")


def test_a_canceled_verification(sits: Sits, stack: Stack, shop: Shop, shoot: Shoot) -> None:
    person = sits()
    stack.call("DELETE", f"/v1/verifications/{person.id}", by=shop.credentials)
    person.page.reload()
    person.is_told("This was canceled")
    assert person.barriers() == []
    shoot(person.page, "canceled")


def test_an_address_that_is_none(sits: Sits, shoot: Shoot) -> None:
    person = sits(opens=False)
    answer = person.page.goto(f"{person.started['page_url'][:-1]}")
    assert answer and answer.status == 404
    person.is_told("This page is not available")
    assert person.barriers() == []
    shoot(person.page, "missing")


def test_two_tabs(sits: Sits) -> None:
    person = sits()
    code, other = person.code, person.another_tab()
    person.types(wrong(code), other)
    person.reads("Attempts left: 4", other)
    person.types(code)
    person.came_back()
    person.types(code, other)
    person.is_told("Confirmed", other)
    assert "result=" not in other.content(), "it belongs to the tab in which the code was typed"
    assert person.stored()["attempts"] == 2


def test_going_back_and_reloading_repeat_nothing(sits: Sits, shop: Shop, shoot: Shoot) -> None:
    person = sits()
    person.types(wrong(person.code))
    person.reads("Attempts left: 4")
    person.page.reload()
    person.reads("Attempts left: 4")
    person.page.go_back()
    person.reads("Attempts left: 4")
    person.types(person.code)
    person.came_back()
    visits = len(shop.visits)
    person.page.go_back()
    person.is_told("Confirmed")
    assert person.barriers() == []
    shoot(person.page, "verified")
    assert person.stored()["attempts"] == 2
    person.page.get_by_role("link", name="Continue").click()
    person.is_told("verified")  # says the shop
    assert len(shop.visits) == visits + 1 and "result" not in shop.visits[-1]


def test_a_double_click_counts_once(sits: Sits) -> None:
    person = sits(browser_java_script_enabled=False)
    person.page.get_by_label("Code").fill(wrong(person.code))
    person.page.get_by_role("button", name="Confirm").dblclick()
    person.reads("Attempts left: 4")
    assert person.stored()["attempts"] == 1


def test_without_javascript(sits: Sits) -> None:
    person = sits(browser_java_script_enabled=False)
    field, confirm = person.page.get_by_label("Code"), person.page.get_by_role("button").first
    field.fill("12 34")
    confirm.click()
    person.reads("Type the digits of the code.")
    field.fill(wrong(person.code))
    confirm.click()
    person.reads("That code is not right.")
    person.page.get_by_role("button", name="Send again").click()
    person.reads("Possible again in")
    assert person.stored()["sends"][-1]["number"] == 1
    person.lets_pass(30)
    person.page.get_by_role("button", name="Send again").click()
    person.reads("The code was sent again.")
    field.fill(person.code)
    field.press("Enter")
    person.came_back()


def test_a_call_instead(sits: Sits, stack: Stack, shoot: Shoot) -> None:
    person = sits()
    person.lets_pass(30)
    person.page.reload()
    person.page.get_by_role("button", name="Call me instead").click()
    person.reads("You are being called now.")
    assert person.barriers() == []
    shoot(person.page, "calling")
    kept = operate(stack, "sandbox", "--to", person.to, "--table", stack.tables["sessions"])
    digits = "".join(re.findall(r"\b\d\b", kept[0]["text"])[:6])
    assert digits == person.code
    person.types(digits)
    person.came_back()


def test_sending_again_after_a_visible_wait(sits: Sits, stack: Stack, shoot: Shoot) -> None:
    person = sits(opens=False)
    person.page.clock.install()
    person.opens()
    again = person.page.get_by_role("button", name="Send again")
    expect(again).to_be_disabled()
    expect(person.page.locator("#wait")).to_have_text(re.compile(r"^Possible again in 0:[0-3]\d$"))
    person.page.clock.run_for(31_000)
    expect(again).to_be_enabled()
    expect(person.page.locator("#wait")).to_be_hidden()
    expect(person.page.get_by_role("status")).to_have_text("Send again")  # read out
    person.lets_pass(30)
    again.click()
    person.reads("The code was sent again.")
    assert person.barriers() == []
    shoot(person.page, "resent")
    texts = stack.texts_to(person.to)
    assert len(texts) == 2 and len({text[:6] for text in texts}) == 1


def test_a_phone_fills_in_the_code_of_its_sms(sits: Sits) -> None:
    person = sits(script=SAYS_WHAT_CAME)
    assert person.page.evaluate("window.asked") == "sms"
    person.page.evaluate(f"window.tell('{person.code}')")
    person.came_back()


def test_what_is_typed_ends_the_wait_for_an_sms(sits: Sits) -> None:
    person = sits(script=SAYS_WHAT_CAME)
    person.types(person.code)
    person.came_back()
    person.page.go_back()
    assert person.page.evaluate("sessionStorage.getItem('waits')") == "no longer"


def test_a_pasted_code_is_sent(sits: Sits) -> None:
    person = sits()
    code = person.code
    person.page.get_by_label("Code").fill(f" {code[:3]}-{code[3:]} ")
    person.came_back()


def test_arabic_digits_and_right_to_left(sits: Sits, shoot: Shoot) -> None:
    person = sits(locale="ar")
    assert person.page.locator("html").get_attribute("dir") == "rtl"
    field = person.page.locator("#code")
    left = field.bounding_box()
    assert left and person.barriers() == []
    shoot(person.page, "arabic")
    field.press_sequentially(person.code.translate({ord(str(n)): 0x660 + n for n in range(10)}))
    person.came_back()


def test_in_the_dark(sits: Sits, shoot: Shoot) -> None:
    person = sits(browser_color_scheme="dark")
    body = person.page.locator("body")
    assert body.evaluate("e => getComputedStyle(e).backgroundColor") == "rgb(22, 22, 26)"
    person.types(wrong(person.code))
    person.reads("Attempts left: 4")
    assert person.barriers() == []
    shoot(person.page, "dark")


@pytest.mark.parametrize("locale", ["en", "de", "el", "hu", "ar", "ja"])
def test_on_a_small_screen_with_large_letters(sits: Sits, shoot: Shoot, locale: str) -> None:
    viewport = {"width": 320, "height": 480}
    person = sits(locale=locale, code_length=16, browser_viewport=viewport)
    assert overflow(person.page) <= 0
    if locale == "de":
        shoot(person.page, "small")
    # WCAG 2.2 §1.4.4: text twice as large. The page has no lengths in fixed pixels.
    person.page.evaluate("document.documentElement.style.fontSize = '200%'")
    assert overflow(person.page) <= 0
    assert person.barriers() == []


def overflow(page: Page) -> int:
    """Pixels that stand out at the side."""
    width: int = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    return width


def test_with_the_keyboard_alone(sits: Sits) -> None:
    person = sits()
    person.lets_pass(30)
    person.page.reload()
    order = []
    for _ in range(5):
        active = "document.activeElement.textContent.trim() || document.activeElement.id"
        order.append(person.page.evaluate(active))
        person.page.keyboard.press("Tab")
    assert order == ["code", "Confirm", "Send again", "Call me instead", "Back"]
    person.page.reload()
    expect(person.page.get_by_label("Code")).to_be_focused()
    for _ in range(2):
        person.page.keyboard.press("Tab")
    person.page.keyboard.press("Enter")
    person.reads("The code was sent again.")
    person.page.keyboard.type(person.code)
    person.came_back()


def test_what_a_screen_reader_is_told(sits: Sits) -> None:
    person = sits()
    person.types(wrong(person.code))
    field, said = person.page.get_by_label("Code"), person.page.get_by_role("alert")
    expect(said).to_have_text("That code is not right.")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_have_accessible_description(
        re.compile(r"^That code is not right\. Attempts left: 4 Valid for \d:\d\d$")
    )
    expect(person.page.locator("h1")).to_have_count(1)
    expect(person.page.get_by_role("main")).to_have_count(1)
    expect(person.page).to_have_title("Enter your code – Coffee Shop")


def test_no_frame_and_no_other_site_gets_in(sits: Sits, shop: Shop) -> None:
    person = sits(opens=False)
    url = person.started["page_url"]
    person.page.goto(f"{shop.url}/back?verification={person.id}")
    person.page.evaluate(
        "u => { document.body.append(document.createElement('iframe')); frames[0].location = u }",
        url,
    )
    expect(person.page.frame_locator("iframe").get_by_text("Enter your code")).to_have_count(0)
    # Another site, from here: the same address under another name.
    person.page.goto(shop.url.replace("127.0.0.1", "localhost") + "/back?verification=" + person.id)
    person.page.set_content(
        f'<form method="post" action="{url}"><input name="action" value="verify">'
        f'<input name="code" value="{wrong(person.code)}"><input name="form" value="x">'
        "<button>Go</button></form>"
    )
    person.page.get_by_role("button").click()
    person.is_told("Enter your code")
    person.reads("Attempts left: 5")
