"""Embeddings as features for other libraries."""
