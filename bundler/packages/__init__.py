"""rpm and deb files: what they say of themselves, and whether they go together."""
