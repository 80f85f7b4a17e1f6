"""E-mail steps from connecting to the report of a bounce, over the sandbox's real mail server."""

import asyncio
from datetime import UTC, datetime

import httpx
import pytest

from dunlin.sandbox.mail_content import read_content
from dunlin.domain.tables import Organization
from dunlin.runtime.wiring import Services
from tests.conftest import SandboxCarrier
