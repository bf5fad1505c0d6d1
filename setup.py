"""For tools that expect a setup.py; everything is said in pyproject.toml."""

from setuptools import setup

setup()
