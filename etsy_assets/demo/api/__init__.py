"""The simulated shop over HTTP: Etsy's operations, its image CDN, and control routes for tests."""
