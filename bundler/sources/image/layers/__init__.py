"""A layer of an image: compressed, unpacked and looked through as it flows by."""
