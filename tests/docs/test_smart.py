"""What the page of SMART EHRs says of vendors is what the connector offers for their servers."""

from tests.docs import smart


def test_every_capability_has_a_word_and_the_page_says_of_vendors_what_their_twins_offer() -> None:
    table = smart.table()
    assert "| write notes | yes | yes | – | – | – | – |" in table
    assert "| list appointments | yes | yes | by id | – | yes | – |" in table
    assert table in smart.PAGE.read_text("utf-8"), "out of date: run make docs"
