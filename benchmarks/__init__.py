"""Measurements that back the documentation; not part of the product."""
