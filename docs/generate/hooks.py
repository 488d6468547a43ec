"""Hooks of mkdocs: pages of the repository that lie outside `docs`."""

import pathlib
import posixpath
import re

from mkdocs.structure.files import File

_ROOT = pathlib.Path(__file__).parents[2]
_FOLDER = "repository"
_PAGES = (
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "benchmarks/README.md",
    "benchmarks/scale.md",
    "benchmarks/quality/README.md",
    "benchmarks/quality/movielens/README.md",
    "benchmarks/quality/recipes/README.md",
    "benchmarks/quality/wordnet/README.md",
    "serving/local_server/README.md",
)
_LINK = re.compile(r"\[([^\]]*)\]\(([^)\s#:]+)(#[^)\s]*)?\)")


def _place(page):
    # A README would be the index of its section.
    return f"{_FOLDER}/{page.replace('README', 'about')}"


_SOURCES = {_place(page): page for page in _PAGES}


def on_files(files, config):
    """Adds the pages, below `repository/`."""
    for place, page in _SOURCES.items():
        text = (_ROOT / page).read_text()
        files.append(File.generated(config, place, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Lets links lead to the pages; other files are named and not linked."""
    place = page.file.src_uri
    source = _SOURCES.get(place, f"docs/{place}")

    def relinked(match):
        text, target, anchor = match[1], match[2], match[3] or ""
        wanted = posixpath.normpath(
            posixpath.join(posixpath.dirname(source), target)
        )
        if wanted.startswith("docs/"):
            found = wanted.removeprefix("docs/")
        elif wanted in _PAGES:
            found = _place(wanted)
        else:
            return text
        start = posixpath.dirname(place) or "."
        return f"[{text}]({posixpath.relpath(found, start)}{anchor})"

    return _LINK.sub(relinked, markdown)
