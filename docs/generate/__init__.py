"""Reference pages that are written from the code, and the site's hooks."""
