"""Searches for good hyperparameters, by Keras Tuner."""
