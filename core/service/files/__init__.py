"""Uploaded pictures and sounds."""

from core.service.files.service import FileRecord, create_file, delete_file, get_file

__all__ = ["FileRecord", "create_file", "delete_file", "get_file"]
