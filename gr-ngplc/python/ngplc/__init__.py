"""Blocks of nG-PLC: spread-spectrum frames on mains and micropower radio."""
from .ngplc_python import *  # noqa: F401,F403
from .device import device_sink, device_source  # noqa: F401
