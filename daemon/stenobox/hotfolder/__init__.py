"""Hot folders: recordings that are dropped into a shared folder come back as text beside them.

| module | owns |
| --- | --- |
| `folders.py` | every touch of an inbox's files: no symbolic link is followed, nothing is overwritten |
| `names.py` | which names are recordings, and how results are called |
| `complete.py` | whether a copy into the folder has ended |
| `drops.py` | the table of what was taken |
| `taking.py` | from a complete file to a durable job |
| `finishing.py` | results beside the drop, the original into `done/` or `failed/` |
| `watching.py` | being told of changes, where the kernel can tell |
| `inbox.py` | one inbox: what lies there, and when its turn comes |
| `service.py` | all inboxes |
"""
