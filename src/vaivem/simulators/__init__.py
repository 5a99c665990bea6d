"""Test accounts: one vendor's API as an ASGI app each, with the small pages a person would use.

A simulator is written from the vendor's documented behaviour and shares no code with our connectors, so that
the two do not share their misreadings. Nothing here imports any other part of ``vaivem``.
"""
