"""Connectors: one folder per vendor, and the SDK that their authors import.

Connectors of one's own may live outside of this package: ``VAIVEM_CONNECTORS`` lists folders that hold some.
"""

import os

__path__ += [folder for folder in os.environ.get("VAIVEM_CONNECTORS", "").split(os.pathsep) if folder]
