"""The model: a module a source."""
