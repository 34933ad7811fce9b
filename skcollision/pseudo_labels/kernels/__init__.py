"""Kernels on NumPy arrays, compiled by numba where they are first called."""
