"""Embeddings as features of other programs."""
