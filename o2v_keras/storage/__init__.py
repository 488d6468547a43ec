"""Atomic writes, locks and ownership of files and folders."""
