"""`vaivem chaos`: events go through a whole installation while it is broken, and are counted at both ends.

Part of the package, so that whoever has Vaivém installed can check what it promises on their own machine: it
needs no clone and no test tools, makes everything below a temporary folder, and talks to loopback (or to
network namespaces of its own) only.
"""
