from urllib.parse import urlsplit

from playwright.sync_api import Page

PASSWORD = "correct horse battery"


def sign_in(page: Page, username: str = "ada") -> None:
    page.goto("/login/")
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: urlsplit(url).path != "/login/")
