"""One thing that must be true of a node per file; no step knows another, nor a role."""
