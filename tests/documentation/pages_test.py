"""What of the documentation does not run is sound, too."""

import pytest

from tests.documentation.guides_test import PAGES as GUIDES
from tests.documentation.page import LANGUAGES
from tests.documentation.page import PAGES
from tests.documentation.page import README
from tests.documentation.page import blocks
from tests.documentation.page import check_command
from tests.documentation.page import check_json
from tests.documentation.page import commands
from tests.documentation.page import runs
from tests.documentation.page import short_name
from tests.documentation.technical_pages_test import PAGES as TECHNICAL


def test_every_page_that_can_is_run():
    assert {*GUIDES, *TECHNICAL} == {page for page in PAGES if runs(page)}


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) <= 200
    for block in blocks(README):
        if block.language == "python":
            lines = [line for line in block.text.splitlines() if line]
            assert len(lines) <= 12, f"line {block.line}"


@pytest.mark.parametrize("page", PAGES, ids=short_name)
def test_blocks_are_sound(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, f"line {block.line}"
        if block.language == "sh":
            for command in commands(block):
                check_command(command)
        if block.language == "json" and not block.title:
            check_json(block)
        if block.language == "py":
            compile(block.text, str(page), "exec")
