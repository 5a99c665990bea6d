"""Starting, watching and stopping the processes of one installation.

`Supervisor` (supervisor.py) runs parts (parts.py) in order; `leash` and `heartbeat` are the children's side.
"""
