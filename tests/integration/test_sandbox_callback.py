"""Status callbacks, as a receiver sees them."""

# The SDK ships no types.
# mypy: disable-error-code="import-untyped"

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from dataclasses import dataclass

import pytest
from aiohttp import BasicAuth, ClientSession, web
from multidict import CIMultiDictProxy
from twilio.request_validator import RequestValidator

from dunlin.sandbox.account import Account, MessagingService
from dunlin.sandbox.app import serving
from dunlin.sandbox.behaviour import Behaviour
from dunlin.sandbox.world import World

SERVICE = MessagingService(sid="MG" + "1" * 32, phone_numbers=("+447700900123",))
ACCOUNT = Account(sid="AC" + "a" * 32, auth_token="a" * 32, messaging_services=(SERVICE,))
AT_ONCE = Behaviour(sent_delay_s=0, delivered_delay_s=0)
