-- The embedded chain's tables. Any change here raises SCHEMA_VERSION in database.py.
-- Hashes, addresses, slots and amounts are big-endian blobs of fixed width; times are unix seconds.

CREATE TABLE genesis (
    chain_id INTEGER NOT NULL,
    base_fee INTEGER NOT NULL,
    gas_limit INTEGER NOT NULL
);

CREATE TABLE block (
    number INTEGER PRIMARY KEY,
    hash BLOB NOT NULL UNIQUE,
    parent_hash BLOB NOT NULL,
    time INTEGER NOT NULL,
    state_root BLOB NOT NULL,
    transactions_root BLOB NOT NULL,
    receipts_root BLOB NOT NULL,
    bloom BLOB NOT NULL,
    gas_used INTEGER NOT NULL,
    gas_limit INTEGER NOT NULL,
    base_fee INTEGER NOT NULL,
    size INTEGER NOT NULL
);

CREATE TABLE mined (
    block INTEGER NOT NULL,
    position INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    raw BLOB NOT NULL,
    succeeded INTEGER NOT NULL,
    gas_used INTEGER NOT NULL,
    cumulative_gas_used INTEGER NOT NULL,
    gas_price BLOB NOT NULL,
    first_log INTEGER NOT NULL,
    PRIMARY KEY (block, position)
) WITHOUT ROWID;

CREATE TABLE log (
    block INTEGER NOT NULL,
    position INTEGER NOT NULL,
    transaction_position INTEGER NOT NULL,
    address BLOB NOT NULL,
    topic0 BLOB,
    topic1 BLOB,
    topic2 BLOB,
    topic3 BLOB,
    data BLOB NOT NULL,
    PRIMARY KEY (block, position)
) WITHOUT ROWID;

CREATE INDEX log_by_address ON log (address, block);
CREATE INDEX log_by_topic0 ON log (topic0, block);

-- The latest state, flat.
CREATE TABLE account (
    address BLOB PRIMARY KEY,
    nonce INTEGER NOT NULL,
    balance BLOB NOT NULL,
    code_hash BLOB NOT NULL
) WITHOUT ROWID;

CREATE TABLE slot (
    address BLOB NOT NULL,
    slot BLOB NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (address, slot)
) WITHOUT ROWID;

CREATE TABLE code (
    hash BLOB PRIMARY KEY,
    code BLOB NOT NULL
) WITHOUT ROWID;

-- What each recent block replaced: the values before it, so that recent states can be read.
CREATE TABLE account_before (
    address BLOB NOT NULL,
    block INTEGER NOT NULL,
    nonce INTEGER NOT NULL,
    balance BLOB NOT NULL,
    code_hash BLOB NOT NULL,
    PRIMARY KEY (address, block)
) WITHOUT ROWID;

CREATE TABLE slot_before (
    address BLOB NOT NULL,
    slot BLOB NOT NULL,
    block INTEGER NOT NULL,
    value BLOB NOT NULL,
    PRIMARY KEY (address, slot, block)
) WITHOUT ROWID;

CREATE INDEX account_before_by_block ON account_before (block);
CREATE INDEX slot_before_by_block ON slot_before (block);

-- Acknowledged transactions whose nonce is not yet due.
CREATE TABLE queued (
    sender BLOB NOT NULL,
    nonce INTEGER NOT NULL,
    hash BLOB NOT NULL UNIQUE,
    raw BLOB NOT NULL,
    PRIMARY KEY (sender, nonce)
) WITHOUT ROWID;
