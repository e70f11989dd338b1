"""The vLLM image: a module a source, and what every source makes of it."""
