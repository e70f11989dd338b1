"""Wrong bytes are called what they are."""

import hashlib

import pytest

from bundler.http.suspicion import EMPTY, digest_difference, is_page

ONE, OTHER = "1" * 64, "2" * 64


@pytest.mark.parametrize(
    "start",
    [
        b"<!DOCTYPE html><html>",
        b"\n\n  <html lang=en>",
        b"\xef\xbb\xbf<!doctype HTML>",
        b'<?xml version="1.0"?><!DOCTYPE html PUBLIC "x"><html>',
        b"<!-- proxy --><html>",
        b"<head><title>Sign in</title>",
        "<html>".encode("utf-16"),
    ],
)
def test_pages(start: bytes) -> None:
    assert is_page(start)


@pytest.mark.parametrize("start", [b"", b"#!/bin/sh\n<html>", b"\x7fELF", b'{"html": 1}', b"<?xml?><metadata>", b"<h"])
def test_no_pages(start: bytes) -> None:
    assert not is_page(start)


def test_the_digest_of_nothing() -> None:
    assert hashlib.sha256(b"").hexdigest() == EMPTY
    assert "the first is that of an empty file" in digest_difference(EMPTY, 0, b"", ONE)[0]
    assert "the second is that of an empty file" in digest_difference(ONE, 5, b"12345", EMPTY)[0]


def test_both_digests_are_named() -> None:
    words, hint = digest_difference(ONE, 5, b"12345", OTHER)
    assert words == f"has sha256 {ONE}, expected {OTHER}"
    assert hint


def test_a_page_is_named_with_its_size() -> None:
    assert digest_difference(ONE, 6, b"<html>", OTHER)[0].endswith("it is a web page (HTML) of 6 bytes")
