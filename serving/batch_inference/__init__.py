"""Scores or embeddings of whole files, resumable."""
