"""Removing what must not be kept, from every file that holds something of it, and proving it. No dagster."""
