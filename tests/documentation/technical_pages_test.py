"""All pages but the guides run as they are pasted.

A file of its own, so that the two run side by side.
"""

import pytest

from tests.documentation.page import running_pages
from tests.documentation.page import short_name

PAGES = running_pages("serving", "extend", "reference", "design", "errors")


@pytest.mark.parametrize("page", PAGES, ids=short_name)
def test_a_page_runs_as_it_is_pasted(page, follow):
    follow(page)
