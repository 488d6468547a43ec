"""Every example of the documentation runs as it is pasted."""

import shutil

import pytest

from o2v_keras.registry import COMPARATORS
from tests.documentation.page import DOCS
from tests.documentation.page import LANGUAGES
from tests.documentation.page import PAGES
from tests.documentation.page import README
from tests.documentation.page import Reader
from tests.documentation.page import blocks
from tests.documentation.page import check_command
from tests.documentation.page import check_json
from tests.documentation.page import commands
from tests.documentation.page import continues
from tests.documentation.page import runs
from tests.tuning.small_search import IGNORED

RUNNING = [page for page in PAGES if runs(page)]


def name(page):
    return page.name if page == README else str(page.relative_to(DOCS))


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """Page -> the folder of somebody who has followed it."""
    done = {}

    def folder_of(page):
        if page not in done:
            done[page] = tmp_path_factory.mktemp(page.stem)
            follow(page, done[page], folder_of)
        return done[page]

    return folder_of


def follow(page, folder, folder_of):
    before = continues(page)
    if before:
        shutil.copytree(folder_of(before), folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, Reader(folder) as reader:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setattr(COMPARATORS, "_builders", {**COMPARATORS._builders})
        reader.follow(page)


@pytest.mark.filterwarnings(IGNORED)
@pytest.mark.parametrize("page", RUNNING, ids=name)
def test_a_page_runs_as_it_is_pasted(page, folders):
    folders(page)


def test_the_readme_is_short():
    assert len(README.read_text().splitlines()) <= 200
    for block in blocks(README):
        if block.language == "python":
            lines = [line for line in block.text.splitlines() if line]
            assert len(lines) <= 12, f"line {block.line}"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_what_does_not_run_is_sound(page):
    for block in blocks(page):
        assert block.language in LANGUAGES, f"line {block.line}"
        if block.language == "sh":
            for command in commands(block):
                check_command(command)
        if block.language == "json" and not block.title:
            check_json(block)
        if block.language == "py":
            compile(block.text, str(page), "exec")
