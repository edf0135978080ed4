"""How deep a text is nested and how far it unfolds, found without recursion: the check before parsers that recurse.

A parser in C that recurses with every bracket ends the whole process where its stack ends, if Python's own
limit on recursion stands higher: and some libraries raise that limit when they are imported. So the depth
is known before such a parser sees the text. Fragments that spread each other unfold exponentially, in the
validation already, so they are counted here, too.
"""

import re

from graphql import GraphQLSyntaxError, Lexer, Source, TokenKind

# Strings are skipped as a whole, an unfinished one to the end; nothing here can backtrack, so the time is linear.
_JSON_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.)*+"?|([\[{])|([\]}])', re.DOTALL)
_OPENING = (TokenKind.BRACE_L, TokenKind.BRACKET_L, TokenKind.PAREN_L)
_CLOSING = (TokenKind.BRACE_R, TokenKind.BRACKET_R, TokenKind.PAREN_R)


def is_json_deeper(body: bytes, levels: int) -> bool:
    """True if a JSON text is nested deeper than so many levels."""
    depth = 0
    for token in _JSON_TOKEN.finditer(body):
        if token[1]:
            depth += 1
            if depth > levels:
                return True
        elif token[2]:
            depth -= 1
    return False


def is_document_beyond(document: str, *, levels: int, tokens: int, spreads: int) -> bool:
    """True if a GraphQL document has more levels, more tokens or more spreads (`...`) than these."""
    lexer = Lexer(Source(document))
    depth = spread = 0
    for _ in range(tokens):
        try:
            kind = lexer.advance().kind
        except GraphQLSyntaxError:
            return False  # The parser stops at the same place and says what is wrong.
        if kind is TokenKind.EOF:
            return False
        depth += (kind in _OPENING) - (kind in _CLOSING)
        spread += kind is TokenKind.SPREAD
        if depth > levels or spread > spreads:
            return True
    return True
