"""Blocks of nG-PLC: spread-spectrum frames on mains and micropower radio."""
from .ngplc_python import *  # noqa: F401,F403
