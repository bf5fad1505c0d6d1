"""Configuration in, plain objects out."""
