"""How a scrape is answered."""
