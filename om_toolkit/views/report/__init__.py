"""Orders in; the report out: sections with tables and pictures, as one HTML page or as sheets of Excel."""

from om_toolkit.views.report.page import Report

__all__ = ["Report"]
