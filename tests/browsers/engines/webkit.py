"""WebKitGTK: MiniBrowser, driven by selenium through WebKitWebDriver. Each action waits until it is possible."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from selenium.common.exceptions import (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)
from selenium.webdriver import WebKitGTK
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import visibility_of_element_located
from selenium.webdriver.support.wait import WebDriverWait
from selenium.webdriver.webkitgtk.options import Options
from selenium.webdriver.webkitgtk.service import Service

from tests.browsers.engines.screen import Screen

SECONDS = 60.0  # generous, because the machine may be busy
NOT_YET = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)


class Window:
    """What a user sees and does in the front window. The methods block their thread."""

    def __init__(self, driver: WebKitGTK) -> None:
        self.driver = driver
        self._wait = WebDriverWait(driver, SECONDS, 0.1, NOT_YET)

    def goto(self, address: str) -> None:
        self.driver.get(address)

    def at(self, heading: str) -> None:
        self._wait.until(visibility_of_element_located((By.XPATH, f'//h1[normalize-space()="{heading}"]')))

    def reads(self, text: str) -> None:
        self._wait.until(visibility_of_element_located((By.XPATH, f'//main//*[contains(text(), "{text}")]')))

    def press(self, name: str) -> None:
        self._when_ready(f'//button[normalize-space()="{name}"]', lambda button: button.click())

    def follow_into_new_window(self, name: str) -> None:
        before = set(self.driver.window_handles)
        self._when_ready(f'//a[starts-with(normalize-space(), "{name}")]', lambda link: link.click())
        [opened] = self._wait.until(lambda driver: set(driver.window_handles) - before)
        self.driver.switch_to.window(opened)

    def type(self, name: str, text: str) -> None:
        """Replaces the text of a field, found by its name."""

        def retype(field: WebElement) -> None:
            field.clear()
            field.send_keys(text)

        self._when_ready(f'//input[@name="{name}"]', retype)

    def until(self, script: str) -> Any:
        """Runs the script until it returns something, and returns that."""
        return self._wait.until(lambda driver: driver.execute_script(script))

    def texts(self, path: str) -> list[str]:
        return [each.text for each in self.driver.find_elements(By.XPATH, path)]

    def _when_ready(self, path: str, action: Callable[[WebElement], None]) -> None:
        """Acts on the element as soon as it is there and still. While a page is being swapped, there is none."""

        def done(driver: WebKitGTK) -> bool:
            action(driver.find_element(By.XPATH, path))
            return True

        self._wait.until(done)


@contextmanager
def webkit(screen: Screen) -> Iterator[Window]:
    options = Options()
    options.binary_location = str(next(Path("/usr/lib").glob("*/webkit2gtk-4.*/MiniBrowser")))
    options.add_argument("--automation")
    driver = WebKitGTK(options=options, service=Service(shutil.which("WebKitWebDriver"), env=screen.env))
    try:
        yield Window(driver)
    finally:
        driver.quit()
