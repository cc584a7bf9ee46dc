"""A real WebKitGTK: MiniBrowser, driven by selenium through WebKitWebDriver. A deed waits until it can be done."""

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

SECONDS = 60.0  # how long anything may take on a busy machine
NOT_YET = (
    ElementClickInterceptedException,
    ElementNotInteractableException,
    NoSuchElementException,
    StaleElementReferenceException,
)


class Window:
    """What a person sees and does, in the window in front. Every call takes a thread until it is done."""

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
        self._once_it_can(f'//button[normalize-space()="{name}"]', lambda button: button.click())

    def follow_into_new_window(self, name: str) -> None:
        before = set(self.driver.window_handles)
        self._once_it_can(f'//a[starts-with(normalize-space(), "{name}")]', lambda link: link.click())
        [opened] = self._wait.until(lambda driver: set(driver.window_handles) - before)
        self.driver.switch_to.window(opened)

    def type(self, name: str, text: str) -> None:
        """Types into a field by its name, whatever stood there before."""

        def retype(field: WebElement) -> None:
            field.clear()
            field.send_keys(text)

        self._once_it_can(f'//input[@name="{name}"]', retype)

    def until(self, script: str) -> Any:
        """What this script gives as soon as it gives something."""
        return self._wait.until(lambda driver: driver.execute_script(script))

    def texts(self, path: str) -> list[str]:
        return [each.text for each in self.driver.find_elements(By.XPATH, path)]

    def _once_it_can(self, path: str, deed: Callable[[WebElement], None]) -> None:
        """Does it as soon as the element is there and at rest; a page that is just being changed has none."""

        def done(driver: WebKitGTK) -> bool:
            deed(driver.find_element(By.XPATH, path))
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
