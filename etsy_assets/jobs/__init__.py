"""What is run as one: a crawl, a batch from end to end, a segment, a snapshot, a search."""
