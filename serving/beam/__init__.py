"""Scores and embeddings of corpora past one machine, on Apache Beam."""
