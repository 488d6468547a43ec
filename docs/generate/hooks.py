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


def on_files(files, config):
    """Adds the pages, below `repository/`."""
    for page in _PAGES:
        text = (_ROOT / page).read_text()
        name = f"{_FOLDER}/{page}"
        files.append(File.generated(config, name, content=text))
    return files


def on_page_markdown(markdown, page, config, files):
    """Lets links lead to the pages; other files are named and not linked."""
    place = page.file.src_uri
    in_repository = place.startswith(f"{_FOLDER}/")
    source = (
        place.removeprefix(f"{_FOLDER}/") if in_repository else f"docs/{place}"
    )

    def relinked(match):
        text, target, anchor = match[1], match[2], match[3] or ""
        wanted = posixpath.normpath(
            posixpath.join(posixpath.dirname(source), target)
        )
        if wanted.startswith("docs/"):
            found = wanted.removeprefix("docs/")
        elif wanted in _PAGES:
            found = f"{_FOLDER}/{wanted}"
        else:
            return text
        start = posixpath.dirname(place) or "."
        return f"[{text}]({posixpath.relpath(found, start)}{anchor})"

    return _LINK.sub(relinked, markdown)
