"""Hyperparameter search with Keras Tuner."""
