"""Trains the demo profile's small models on renders of furniture that the simulated shop never shows."""
