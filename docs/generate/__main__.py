"""Writes the generated pages of the reference: `python -m docs.generate`."""

from docs.generate.pages import write_pages

if __name__ == "__main__":
    for page in write_pages():
        print(page)
