"""What is wrong with a manifest beyond its schema, all of it at once, and what a person should know."""

from bundler.lint.case import Case, before_build, before_seal
from bundler.lint.rules import RULES, findings, refuse_errors

__all__ = ["RULES", "Case", "before_build", "before_seal", "findings", "refuse_errors"]
