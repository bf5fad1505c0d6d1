"""Tests of the simulated shop and of what goes with it."""
