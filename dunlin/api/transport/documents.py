"""Documents that are known by an id: an allow-list of our own frontends', and what clients have sent before."""

import hashlib
import re
from collections import OrderedDict
from collections.abc import Mapping
from pathlib import Path

import orjson
from graphql import GraphQLError

from dunlin.api.errors import ErrorCode
from dunlin.api.schema import schema
from dunlin.api.transport.refused import CannotRun, malformed
from dunlin.api.transport.request import Asked
from dunlin.runtime.settings import BadSettings, Settings

_LONGEST_KEPT = 8_000  # characters
_MOST_OF_AN_ACCOUNT = 100
_MOST_ACCOUNTS = 100

_SHA_256 = re.compile(r"[0-9a-f]{64}")


def open_documents(settings: Settings) -> "Documents":
    """Return the documents that the settings name, or raise `BadSettings` where one of them cannot be run."""
    return Documents({} if settings.documents is None else read_manifest(settings.documents), settings.documents_only)


def read_manifest(path: Path) -> Mapping[str, str]:
    """Return texts by id from a file of Apollo's form (`operations`), or of Relay's and others' (id to text)."""
    try:
        given = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise BadSettings(f"DUNLIN_DOCUMENTS: should be a file of JSON, and {path} is none: {error}") from error
    texts = _texts(given)
    if texts is None:
        raise BadSettings(f"DUNLIN_DOCUMENTS: {path} should be an object of ids and texts, or a manifest of Apollo's.")
    for document_id, text in texts.items():
        if flaw := _flaw(text):
            raise BadSettings(f"DUNLIN_DOCUMENTS: the document {document_id} cannot be run: {flaw}")
    return texts


def _texts(given: object) -> Mapping[str, str] | None:
    if isinstance(given, dict) and isinstance(given.get("operations"), list):
        operations = given["operations"]
        if not all(isinstance(one, dict) for one in operations):
            return None
        given = {one.get("id"): one.get("body") for one in operations}
    if not isinstance(given, dict):
        return None
    is_sound = all(isinstance(key, str) and key and isinstance(text, str) for key, text in given.items())
    return given if is_sound else None


def _flaw(text: str) -> str | None:
    """Return what is wrong with a document, or None."""
    try:
        errors = schema.check(text)
    except GraphQLError as error:
        return error.message
    return errors[0].message if errors else None


def hash_of(query: str) -> str:
    return hashlib.sha256(query.encode()).hexdigest()


class Documents:
    """Finds the text of a request. `trusted` is by id, as the frontends' build has made it.

    What clients register by its hash (Apollo's automatic persisted queries) is kept in this process only, of each
    account the newest: another process, or this one started anew, asks for the text once more.
    """

    def __init__(self, trusted: Mapping[str, str], only_trusted: bool) -> None:
        self._trusted = trusted
        self._trusted_texts = frozenset(trusted.values())
        self._only_trusted = only_trusted
        self._sent: OrderedDict[int, OrderedDict[str, str]] = OrderedDict()

    def text_of(self, asked: Asked, account_id: int) -> str:
        """Return the document that is asked for, or raise `Refused`."""
        sha = _registered_hash(asked)
        if asked.query is not None:
            return self._given(asked, asked.query, sha)
        document_id = asked.document_id or sha
        if document_id is None:
            raise malformed("A request has a query, or the documentId of one.")
        text = self._known(document_id, account_id)
        if text is None:
            # The words are what Apollo's client looks for.
            raise CannotRun(404, ErrorCode.PERSISTED_QUERY_NOT_FOUND, "PersistedQueryNotFound")
        return text

    def keep(self, asked: Asked, query: str, account_id: int) -> None:
        """Keep a document that was sent to be registered, and has passed every check, for its account."""
        sha = _registered_hash(asked)
        if sha is None or self._only_trusted or len(query) > _LONGEST_KEPT:
            return
        kept = self._sent.setdefault(account_id, OrderedDict())
        self._sent.move_to_end(account_id)
        kept[sha] = query
        kept.move_to_end(sha)
        if len(kept) > _MOST_OF_AN_ACCOUNT:
            kept.popitem(last=False)
        if len(self._sent) > _MOST_ACCOUNTS:
            self._sent.popitem(last=False)

    def _given(self, asked: Asked, query: str, sha: str | None) -> str:
        if asked.document_id is not None:
            raise malformed("A request has a query or a documentId, not both.")
        if sha is not None and sha != hash_of(query):
            raise malformed("extensions.persistedQuery.sha256Hash is not the SHA-256 of the query.")
        if self._only_trusted and query not in self._trusted_texts:
            message = "Only documents that are known here are run. Send the documentId of one."
            raise CannotRun(403, ErrorCode.PERSISTED_QUERY_REQUIRED, message)
        return query

    def _known(self, document_id: str, account_id: int) -> str | None:
        bare = document_id.removeprefix("sha256:")
        for key in (document_id, bare):
            if key in self._trusted:
                return self._trusted[key]
        kept = self._sent.get(account_id)
        if kept is None or bare not in kept:
            return None
        kept.move_to_end(bare)
        self._sent.move_to_end(account_id)
        return kept[bare]


def _registered_hash(asked: Asked) -> str | None:
    """Return the hash that Apollo's clients name a document by, in lower case; None without one."""
    given = (asked.extensions or {}).get("persistedQuery")
    if given is None:
        return None
    sha = given.get("sha256Hash") if isinstance(given, dict) and given.get("version") == 1 else None
    if not isinstance(sha, str) or not _SHA_256.fullmatch(sha.lower()):
        raise malformed("extensions.persistedQuery has the version 1 and a sha256Hash of 64 hexadecimal digits.")
    return sha.lower()
