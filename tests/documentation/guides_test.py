"""The README, getting started and the guides run as they are pasted."""

import pytest

from tests.documentation.page import running_pages
from tests.documentation.page import short_name
from tests.tuning.small_search import IGNORED

PAGES = running_pages("README.md", "getting-started", "guides")


@pytest.mark.filterwarnings(IGNORED)
@pytest.mark.parametrize("page", PAGES, ids=short_name)
def test_a_page_runs_as_it_is_pasted(page, follow):
    follow(page)
