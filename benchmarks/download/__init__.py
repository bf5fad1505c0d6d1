"""Downloading a batch, against what a user would run instead."""
