"""Puts `inspect.formatargspec` and `inspect.getargspec` back, which Python 3.11 dropped.

Celery 4.4 (through vine 1.3) still asks for them. Only `setup --versions` uses this file, for `.venv-4.4`.
"""
import inspect


def formatargspec(args, varargs=None, varkw=None, defaults=None, kwonlyargs=(), kwonlydefaults=None, *_, **__):
    required = len(args) - len(defaults or ())
    parts = [name if i < required else f"{name}={defaults[i - required]!r}" for i, name in enumerate(args)]
    if varargs:
        parts.append("*" + varargs)
    elif kwonlyargs:
        parts.append("*")
    for name in kwonlyargs or ():
        parts.append(f"{name}={kwonlydefaults[name]!r}" if name in (kwonlydefaults or {}) else name)
    if varkw:
        parts.append("**" + varkw)
    return "(" + ", ".join(parts) + ")"


if not hasattr(inspect, "formatargspec"):
    inspect.formatargspec = formatargspec
if not hasattr(inspect, "getargspec"):
    inspect.getargspec = inspect.getfullargspec
