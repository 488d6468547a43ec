"""TF Serving's APIs in a Python process; README.md says what they leave out."""
