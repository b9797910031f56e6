"""Uploaded pictures and sounds."""

from core.service.files.service import FileRecord, StoredFile, add_file, delete_file, get_file, storing_file

__all__ = ["FileRecord", "StoredFile", "add_file", "delete_file", "get_file", "storing_file"]
