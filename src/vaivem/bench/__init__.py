"""The benchmark: how fast an installation of this machine is, with a vendor and a load of its own.

Loopback only, in a folder of its own that is gone afterwards. docs/benchmark.md explains every figure.
"""
