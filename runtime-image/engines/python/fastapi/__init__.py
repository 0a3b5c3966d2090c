# SPDX-License-Identifier: Apache-2.0
"""A small layer with FastAPI's names over the engine's own requests and answers, for apps written with FastAPI.

It has routes, parameters by annotation, dependencies and FastAPI's answers to what does not fit. What it lacks it says
when that is imported.
"""

from typing import Never

from . import status
from .params import BackgroundTasks, Body, Cookie, Depends, File, Form, Header, Path, Query, UploadFile
from .responses import HTTPException, Request, Response
from .routing import APIRouter, FastAPI


def __getattr__(name: str) -> Never:
    if name.startswith("__"):
        raise AttributeError(name)
    advice = "apps answer requests only" if name.startswith("WebSocket") else "write it with what is there"
    raise ImportError(f"fastapi.{name} is not in the layer that apps have: {advice}")


__all__ = [
    "APIRouter", "BackgroundTasks", "Body", "Cookie", "Depends", "FastAPI", "File", "Form", "HTTPException", "Header",
    "Path", "Query", "Request", "Response", "UploadFile", "status",
]  # fmt: skip
