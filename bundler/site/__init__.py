"""Nodes as a probe wrote them down: read back on the connected machine, and judged before anybody travels."""
