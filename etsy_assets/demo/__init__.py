"""The simulated shop that the demo profile runs on: rendered furniture, Etsy's API on loopback, small encoders."""
