"""The command line: `etsy-assets demo`, `etsy-assets dev`, `etsy-assets corpus`."""
