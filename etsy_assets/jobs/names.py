"""Names of jobs that assets and sensors ask for: an asset behaves by the job that it runs in only where it must."""

REFRESH_LISTINGS = "refresh_listings"
UPDATE_BATCH = "update_batch"
CRAWL_REVIEWS = "crawl_reviews"
