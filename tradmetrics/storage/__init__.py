"""Series, their text and their files, and the cache from raw labels to series."""
