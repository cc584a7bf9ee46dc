"""The texts of the pages, by key and locale. A connector's own text takes precedence over ours.

Texts are plain sentences with `{placeholders}`. Every value from outside is escaped, and isolated so that it cannot
reorder the text around it.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable, Mapping, Sequence
from datetime import date, datetime, timedelta
from functools import cache
from math import ceil
from pathlib import Path

from markupsafe import Markup, escape

from cobalt_link.connector.manifest import flat

_FILES = Path(__file__).parent / "locales"
# Every file of texts is a locale that the pages speak. English comes first: it is what others fall back to.
LOCALES = tuple(sorted((file.stem for file in _FILES.glob("*.toml")), key=lambda locale: (locale != "en", locale)))
_RIGHT_TO_LEFT = frozenset({"ar", "fa", "he", "ur"})
_RECENT = timedelta(days=2)  # a moment is "1 day ago" at most, and then given by its day
_MINUTE, _HOUR, _DAY = 60, 60 * 60, 24 * 60 * 60
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
# Control characters and the bidirectional overrides, which could reorder the text around a name.
_UNSEEN = re.compile("[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def choose(accept_language: str | None, chosen: str | None) -> str:
    """The locale that was chosen, else the best of an `Accept-Language` (RFC 9110 §12.5.4), else English."""
    for tag in (chosen or "", *_preferred(accept_language or "")):
        primary = tag.strip().lower().partition("-")[0]
        if primary in LOCALES:
            return primary
    return LOCALES[0]


def _preferred(header: str) -> list[str]:
    weighed = []
    for part in header.split(",")[:20]:
        tag, _, weight = part.partition(";")
        quality = re.fullmatch(r"\s*q=([01](?:\.\d{0,3})?)\s*", weight)
        weighed.append((float(quality[1]) if quality else 1.0, tag))
    return [tag for weight, tag in sorted(weighed, key=lambda each: -each[0]) if weight > 0]


@cache
def catalog(locale: str) -> Mapping[str, str]:
    """Our texts of a locale as flat keys."""
    return flat(tomllib.loads((_FILES / f"{locale}.toml").read_text("utf-8")))


def by_locale() -> dict[str, Mapping[str, str]]:
    """Our texts of every locale, for the connector check."""
    return {locale: catalog(locale) for locale in LOCALES}


def connections_texts(locale: str) -> dict[str, str]:
    """The texts that replace others in the connections flow, where no app asks for anything."""
    known = catalog(locale)
    return {key.removeprefix("instead."): known[key] for key in known if key.startswith("instead.")}


def placeholders(text: str) -> set[str]:
    """The names in braces."""
    return set(_PLACEHOLDER.findall(text))


def isolated(value: object) -> Markup:
    """A value from outside, escaped and isolated from the direction of the text around it. Leaves markup and
    numbers."""
    if isinstance(value, Markup | int):
        return escape(value)
    return Markup("<bdi>{}</bdi>").format(clean(value))


def clean(value: object) -> str:
    """A value without the invisible characters that reorder the text around it."""
    return _UNSEEN.sub("", str(value))


class Texts:
    """The texts of one page. They know the locale, the connector's texts, and the names that any text may mention."""

    def __init__(self, locale: str, *, connector_texts: Mapping[str, str], names: Mapping[str, str | None]) -> None:
        self.locale = locale if locale in LOCALES else LOCALES[0]
        self.direction = "rtl" if self.locale in _RIGHT_TO_LEFT else "ltr"
        self._connector_texts = connector_texts
        self._ours = catalog(self.locale)
        self._names = {key: name for key, name in names.items() if name}

    def with_names(self, **names: str | None) -> Texts:
        """These texts with more names. A name that is Markup is not escaped."""
        return Texts(self.locale, connector_texts=self._connector_texts, names=self._names | names)

    def __call__(self, key: str, **values: object) -> Markup:
        """The text as markup. Raises KeyError if there is no such text or a placeholder has no value."""
        found = self.best(key, **values)
        if found is None:
            raise KeyError(f"no text {key!r} in {self.locale!r} that can be filled from {sorted(values)}")
        return found

    def plain(self, key: str, **values: object) -> str:
        """The text without markup, for titles and attributes."""
        return bare(self(key, **values))

    def best(self, *keys: str, **values: object) -> Markup | None:
        """The text of the first key that exists and whose placeholders all have a value, or None."""
        known = self._names | {key: value for key, value in values.items() if value not in (None, "")}
        for key in keys:
            # A connector has no say in the consent: it could promise less than it reads.
            for source in (self._ours,) if key.startswith("consent.") else (self._connector_texts, self._ours):
                if key in source and placeholders(source[key]) <= known.keys():
                    return _filled(source[key], known)
        return None

    def count(self, key: str, number: int, **values: object) -> Markup:
        """The text for a number: `<key>.one` or `<key>.other`."""
        return self(f"{key}.one" if number == 1 else f"{key}.other", count=number, **values)

    def sentence(self, parts: Sequence[Markup]) -> Markup:
        """The parts as one list, "A, b, and c". Its first letter is a capital."""
        whole = self.listed(parts)
        return whole[:1].upper() + whole[1:]

    def listed(self, parts: Sequence[Markup]) -> Markup:
        """The parts as one list within a sentence, "a, b, and c"."""
        whole = parts[0]
        for number, part in enumerate(parts[1:], 2):
            key = "between" if number < len(parts) else "last" if number > 2 else "two"
            whole = self(f"list.{key}", first=whole, next=part)
        return whole

    def span(self, seconds: float) -> Markup:
        """How long something takes or somebody waits: rounded up, so that nobody comes back too early."""
        return self._units(max(1, ceil(seconds)), ceil, most_minutes=90)

    def left(self, seconds: float) -> Markup:
        """How long until something ends: rounded down, so that nobody comes too late."""
        # Two seconds pass between the making of a page and the reading of it: 30 minutes are not yet 29.
        return self._units(max(1, int(seconds if seconds < _MINUTE else seconds + 2)), int, most_minutes=90)

    def ago(self, seconds: float) -> Markup:
        """How long ago something was, as people say it."""
        if seconds < _MINUTE:
            return self("span.just_now")
        return self("span.ago", span=self._units(int(seconds), int, most_minutes=59))

    def _units(self, seconds: int, rounded: Callable[[float], int], *, most_minutes: int) -> Markup:
        if seconds < _MINUTE:
            return self.count("span.seconds", seconds)
        if (minutes := rounded(seconds / _MINUTE)) <= most_minutes and minutes != 60:
            # Nobody says "61 minutes".
            return self.count("span.minutes", minutes if minutes < 60 else 5 * rounded(minutes / 5))
        if (hours := rounded(seconds / _HOUR)) < (24 if rounded is int else 49):
            return self.count("span.hours", hours)
        return self.count("span.days", rounded(seconds / _DAY))

    def length(self, past: timedelta) -> Markup:
        """How long something was, to the minute."""
        return self.span(round(past.total_seconds() / 60) * 60)

    def day(self, day: date, today: date) -> Markup:
        """A day, with its year unless that is this year."""
        form = "day.this_year" if day.year == today.year else "day.other_year"
        return self(form, month=self(f"month.{day.month}"), day=day.day, year=day.year)

    def moment(self, then: datetime, now: datetime) -> Markup:
        """A moment in the past: how long ago it was, or its day if that is more than two days."""
        ago = (now - then).total_seconds()
        if ago < _RECENT.total_seconds():
            return self.ago(ago)
        return self.day(then.date(), now.date())


def _filled(text: str, values: Mapping[str, object]) -> Markup:
    parts = _PLACEHOLDER.split(text)  # sentence, name, sentence, name, …, sentence
    return Markup().join(isolated(values[part]) if place % 2 else part for place, part in enumerate(parts))


def monogram(name: str) -> str:
    """The first letters of the first two words."""
    return "".join(word[0] for word in name.split()[:2]).upper()


def bare(markup: Markup) -> str:
    """Markup as the plain text that it shows."""
    return markup.striptags()
