"""Five encoders over photos, against what a user would run instead."""
