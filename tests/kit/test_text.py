"""What people type into a field means the same however their phone, keyboard, or clipboard writes it."""

import sys
import unicodedata

from cobalt_link.kit.text import as_code, as_searched, as_typed, trimmed

EVERY_CHARACTER = [chr(code) for code in range(sys.maxunicode + 1) if not 0xD800 <= code <= 0xDFFF]


def test_a_code_may_be_typed_with_the_digits_of_any_script() -> None:
    digits = [each for each in EVERY_CHARACTER if unicodedata.category(each) == "Nd"]
    assert len(digits) > 600
    for each in digits:
        assert as_code(each * 6) == str(unicodedata.decimal(each)) * 6, hex(ord(each))
    assert as_code("AB-１２") == "AB-12"


def test_no_invisible_character_changes_what_was_typed() -> None:
    invisible = [each for each in EVERY_CHARACTER if unicodedata.category(each) == "Cf"]
    assert {"\u200b", "\u2060", "\ufeff", "\u00ad", "\u202a"} <= {*invisible}
    for clean in (trimmed, as_typed, as_code, as_searched):
        assert clean(f"  {'m'.join(invisible)}m ") == "m" * len(invisible), clean.__name__


def test_a_username_has_one_spelling() -> None:
    for typed in (
        "josé.núñez",
        "jose\u0301.nu\u0301n\u0303ez",
        "ｊｏｓé.núñez",
        "\u3000josé.núñez\u00a0",
        "josé.núñez\r\n",
    ):
        assert as_typed(typed) == "josé.núñez", ascii(typed)
    assert as_typed("M.Carter 2") == "M.Carter 2"  # case and inner blanks are the user's


def test_a_search_has_one_kind_of_apostrophe_hyphen_and_blank() -> None:
    for apostrophe in "'‘’‚‛ʹʻʼʽˈˊˋ`´′‵＇ꞌ":
        for hyphen in "-‐‑‒–—−﹣－":
            for blank in (" ", "  ", "\u00a0", "\u2009", "\u3000", "\t"):
                typed = f"{blank}O{apostrophe}Neil{hyphen}Smith{blank}Ana{blank}"
                assert as_searched(typed) == "O'Neil-Smith Ana", ascii(typed)


def test_cleaning_twice_changes_nothing_more() -> None:
    # Letters without a case or a decomposition, such as most of Chinese, are a million, and nothing touches them.
    touched = [each for each in EVERY_CHARACTER if unicodedata.decomposition(each) or not each.isalpha()]
    touched = [each for each in touched if unicodedata.category(each) not in ("Cn", "Co")]
    assert len(touched) > 15_000
    for clean in (trimmed, as_typed, as_code, as_searched):
        assert not [each for each in touched if clean(clean(each)) != clean(each)], clean.__name__
