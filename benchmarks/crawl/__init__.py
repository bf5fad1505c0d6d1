"""Crawling a market of the size of the real one."""
