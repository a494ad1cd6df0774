"""The verbs of the `renrakumo` command line."""
