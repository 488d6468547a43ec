"""Pictures of embeddings."""
