"""Measurements that take minutes and a quiet machine: no part of the suite."""
