"""The folder of somebody who follows pages of the documentation."""

import shutil

import pytest

from o2v_keras.registry import COMPARATORS
from tests.documentation.page import Reader
from tests.documentation.page import continues


@pytest.fixture(scope="module")
def follow(tmp_path_factory):
    """Returns a function that does what a page says, at most once."""
    done = {}

    def folder_of(page):
        if page not in done:
            done[page] = tmp_path_factory.mktemp(page.stem)
            _follow(page, done[page], folder_of)
        return done[page]

    return folder_of


def _follow(page, folder, folder_of):
    before = continues(page)
    if before:
        shutil.copytree(folder_of(before), folder, dirs_exist_ok=True)
    with pytest.MonkeyPatch.context() as patch, Reader(folder) as reader:
        patch.chdir(folder)
        patch.syspath_prepend(folder)
        patch.setattr(COMPARATORS, "_builders", {**COMPARATORS._builders})
        reader.follow(page)
