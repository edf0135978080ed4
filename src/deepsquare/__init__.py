"""DeepSquare: a decentralized cloud for high performance computing."""

__version__ = "0.1.0"
