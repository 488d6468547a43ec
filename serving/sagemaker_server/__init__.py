"""SageMaker's Object2Vec API over a SavedModel or a TF Serving server."""
