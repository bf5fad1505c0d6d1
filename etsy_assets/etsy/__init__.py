"""Etsy's Open API v3: the client, its payloads and the image CDN's URLs. No dagster."""
