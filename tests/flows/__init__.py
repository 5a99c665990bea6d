"""Whole ways through Vaivém between test accounts, over HTTP, as their people would see them."""
