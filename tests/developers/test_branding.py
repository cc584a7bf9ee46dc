"""A client's mark and accent: what is refused says what to give instead, what is taken can be read in both themes."""

from __future__ import annotations

import colorsys
import re

import pytest

from cobalt_link.developers import branding
from cobalt_link.developers.branding import DARK, DARK_GLAZE, LIGHT, LIGHT_GLAZE, BrandingProblem, accent, accent_color
from cobalt_link.developers.clients import Clients
from cobalt_link.developers.colors import Oklch, contrast, oklch, rgb


def every_hue(step: int = 7) -> list[str]:
    """Colors around the wheel, from dark to light, from gray to full."""
    found = []
    for hue in range(0, 360, step):
        for light, full in ((0.1, 1.0), (0.3, 0.4), (0.45, 1.0), (0.5, 0.0), (0.7, 0.9), (0.95, 0.5)):
            channels = colorsys.hls_to_rgb(hue / 360, light, full)
            found.append("#" + "".join(f"{round(each * 255):02x}" for each in channels))
    return found


def taken(color: str) -> str:
    """The color if it passes, else the one that its refusal names."""
    try:
        return accent_color(color)
    except BrandingProblem as no:
        (nearest,) = re.findall(r"'(#[0-9a-f]{6})'", str(no))
        return nearest


def test_colors_are_counted_as_the_standards_do() -> None:
    assert contrast("#ffffff", "#000000") == 21
    assert contrast("#767676", "#ffffff") == pytest.approx(4.54, abs=0.005)
    assert contrast("#ffffff", "#777777") == pytest.approx(4.48, abs=0.005)
    ours = oklch("#0946ad")  # pages §2: oklch(43% .175 261)
    assert (round(ours.l, 2), round(ours.c, 3)) == (0.43, 0.175)


def test_a_color_survives_the_way_to_oklch_and_back_and_impossible_ones_lose_chroma_only() -> None:
    for color in every_hue():
        assert rgb(oklch(color)) == color
    loud = oklch(rgb(Oklch(0.7, 0.4, 2.5)))
    assert loud.l == pytest.approx(0.7, abs=0.01) and loud.h == pytest.approx(2.5, abs=0.05) and loud.c < 0.4


def test_a_color_that_white_text_cannot_be_read_on_is_refused_with_its_figure_and_the_nearest_that_can() -> None:
    with pytest.raises(BrandingProblem, match=r"#ffcc00 has a contrast of 1\.51:1.*4\.5:1") as refused:
        accent_color("#FFCC00")
    assert accent_color(str(refused.value).split("'")[1])


def test_the_nearest_color_passes_keeps_the_hue_and_is_not_darker_than_it_must_be() -> None:
    for color in every_hue():
        found = taken(color)
        assert contrast(found, "#ffffff") >= 4.5
        if found != color:
            assert contrast(found, "#ffffff") < 4.6
            if oklch(found).c > 0.03:
                assert abs(oklch(found).h - oklch(color).h) < 0.12, (color, found)


def test_every_accent_can_be_read_in_both_themes() -> None:  # WCAG 2.2, 1.4.3 and 1.4.11
    for color in every_hue():
        tones = accent(taken(color))
        for ground in (LIGHT, LIGHT_GLAZE):
            assert contrast(tones.light.line, ground) >= 4.5, color
        for ground in (DARK, DARK_GLAZE):
            assert contrast(tones.dark.line, ground) >= 4.5, color
            assert min(contrast(each, ground) for each in (tones.dark.fill, tones.dark.fill_up)) >= 3, color
        for fill in (tones.light.fill, tones.light.fill_up, tones.dark.fill, tones.dark.fill_up):
            assert contrast("#ffffff", fill) >= 4.5, color
        assert tones.light.fill == taken(color)
        assert tones.light.fill_up != tones.light.fill


@pytest.mark.parametrize("color", ["red", "#fff", "#12345g", "#0946ad;}", "#0946ad99", "rgb(1,2,3)", "０946ad"])
def test_what_is_no_color_is_refused(color: str) -> None:
    with pytest.raises(BrandingProblem, match="is not a color"):
        accent_color(color)


@pytest.mark.parametrize("mark", ["", "ABC", "A ", "<b", "A\u202e", "🏥"])
def test_a_mark_is_one_or_two_letters(mark: str) -> None:
    if mark == "A ":
        assert branding.mark(mark) == "A"
    else:
        with pytest.raises(BrandingProblem, match="one or two letters"):
            branding.mark(mark)


async def test_a_client_keeps_its_look_and_loses_it_again(clients: Clients) -> None:
    client, _ = await clients.create("Acme Scribe")
    await clients.update(client, branding={"mark": "ac", "accent": "#0A7A5C"})
    found = await clients.find(client.client_id)
    assert found.branding == {"mark": "ac", "accent": "#0a7a5c"}
    with pytest.raises(BrandingProblem):
        await clients.update(found, branding={"accent": "#ffffff"})
    assert (await clients.update(found, branding={"accent": ""})).branding == {}
