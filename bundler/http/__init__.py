"""The only place that speaks HTTP: small documents, and files of any size over any line."""
