"""When the assets are made: decisions from state, and thin sensors and schedules around them."""
