"""The fixture `town` for every test of the web."""

from tests.web.town import town

__all__ = ["town"]
