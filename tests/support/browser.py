"""A page in headless Chromium, without a network."""

import shutil
import time
from contextlib import contextmanager

import pytest


@contextmanager
def chromium(playwright):
    """Chromium from the system, else Playwright's own; skips the test without one."""
    with playwright.sync_playwright() as started:
        path = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
        try:
            opened = started.chromium.launch(executable_path=path, args=["--no-sandbox"])
        except playwright.Error as error:
            pytest.skip(f"no Chromium: {error.message.splitlines()[0]}")
        yield opened
        opened.close()


class Seen:
    """A page, what it complained about and what it asked for."""

    def __init__(self, browser, path, width=1280, height=900, **options):
        self.context = browser.new_context(viewport={"width": width, "height": height}, offline=True, **options)
        self.page = self.context.new_page()
        self.complaints, self.requests = [], []
        self.page.on("console", lambda message: self.complaints.append(message.text))
        self.page.on("pageerror", lambda error: self.complaints.append(str(error)))
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.goto(path.as_uri())

    def __enter__(self):
        return self.page

    def __exit__(self, *_):
        self.context.close()


def wait_until(holds):
    """For a minute at most: figures follow with the next frame. The page's policy forbids Playwright's own way."""
    end = time.monotonic() + 60
    while not holds():
        assert time.monotonic() < end
        time.sleep(0.05)


def center(page, name, trace, k):
    """Where a point of a figure is on the screen."""
    return page.evaluate(
        """([name, trace, k]) => {
          const plot = document.getElementById(name), {xaxis, yaxis} = plot._fullLayout;
          const box = plot.querySelector('.nsewdrag').getBoundingClientRect(), data = plot.data[trace];
          return [box.x + xaxis.l2p(data.x[k]), box.y + yaxis.l2p(data.y[k])];
        }""",
        [name, trace, k],
    )


def hover_text(page, name, trace, k):
    """Lines of the label beside a point of a figure under the mouse."""
    page.locator(f"#{name}").scroll_into_view_if_needed()
    page.mouse.move(0, 0)
    page.mouse.move(*center(page, name, trace, k), steps=3)
    label = page.locator(f"#{name} .hoverlayer .hovertext")
    label.wait_for()
    return [line.text_content() for line in label.locator("tspan.line").all()]
