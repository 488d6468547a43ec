"""Extension of griffe, which reads the docstrings for the site."""

import griffe

from docs.generate.docstring_markdown import as_markdown


class Docstrings(griffe.Extension):
    """Rewrites each docstring before it is parsed."""

    def on_object(self, *, obj: griffe.Object, **kwargs) -> None:
        """Rewrites the docstring of one object."""
        if obj.docstring:
            obj.docstring.value = as_markdown(obj.docstring.value)
