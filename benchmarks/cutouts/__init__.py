"""Cutting photos out, against what a user would run instead."""
