"""What the platform knows about listings, shops, images and their state: records, tables, queries. No dagster."""
