"""A pinned Ray as one more layer of an image that has none."""
