"""Makes pyrad2 3.2 importable on Python 3.11, as Debian 12 has it.

The library asks for 3.12 because of one name in collections.abc, used in annotations.
"""

import collections.abc

if not hasattr(collections.abc, "Buffer"):
    collections.abc.Buffer = bytes
