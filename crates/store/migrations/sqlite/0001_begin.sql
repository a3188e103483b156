-- What an administrator keeps. Attribute lines are JSON arrays of text.

CREATE TABLE users (
    name       TEXT PRIMARY KEY,
    credential TEXT,
    enabled    INTEGER NOT NULL,
    checks     TEXT NOT NULL,
    replies    TEXT NOT NULL,
    remark     TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE memberships (
    user_name  TEXT NOT NULL REFERENCES users (name) ON DELETE CASCADE,
    place      INTEGER NOT NULL,
    group_name TEXT NOT NULL,
    priority   INTEGER NOT NULL,
    PRIMARY KEY (user_name, place)
) WITHOUT ROWID;

CREATE INDEX memberships_group ON memberships (group_name, user_name);

CREATE TABLE user_groups (
    name     TEXT PRIMARY KEY,
    priority INTEGER NOT NULL,
    checks   TEXT NOT NULL,
    replies  TEXT NOT NULL,
    remark   TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE nases (
    name              TEXT PRIMARY KEY,
    prefix            TEXT NOT NULL UNIQUE,
    secret            BLOB NOT NULL,
    dialect           TEXT NOT NULL,
    require_mac       TEXT NOT NULL,
    latched           INTEGER NOT NULL,
    limit_proxy_state INTEGER NOT NULL,
    remark            TEXT NOT NULL
) WITHOUT ROWID;

-- One row for each change of a definition, so that another process notices. AUTOINCREMENT: a number
-- is never given twice, even when old rows are gone.
CREATE TABLE change_log (
    seq  INTEGER PRIMARY KEY AUTOINCREMENT,
    kind TEXT NOT NULL,
    name TEXT NOT NULL
);

-- What the NASes reported. Times are milliseconds since 1970.

CREATE TABLE accounting (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    digest     BLOB NOT NULL,
    status     INTEGER NOT NULL,
    time_ms    INTEGER NOT NULL,
    nas        TEXT NOT NULL,
    session_id TEXT,
    user_name  TEXT,
    record     BLOB NOT NULL
);

CREATE INDEX accounting_digest ON accounting (digest, time_ms);
CREATE INDEX accounting_session ON accounting (session_id, id);
CREATE INDEX accounting_user ON accounting (user_name, id);

CREATE TABLE sessions (
    id          INTEGER PRIMARY KEY,
    octets      BLOB NOT NULL,
    incarnation INTEGER NOT NULL,
    nas         TEXT NOT NULL,
    session_id  TEXT NOT NULL,
    user_name   TEXT,
    started_ms  INTEGER NOT NULL,
    updated_ms  INTEGER NOT NULL,
    ended_ms    INTEGER,
    body        TEXT NOT NULL,
    UNIQUE (octets, incarnation)
);

CREATE INDEX sessions_open ON sessions (started_ms) WHERE ended_ms IS NULL;
CREATE INDEX sessions_started ON sessions (started_ms);
CREATE INDEX sessions_user ON sessions (user_name, started_ms);
CREATE INDEX sessions_nas ON sessions (nas, started_ms);

-- Up to where each node's journal has been applied.
CREATE TABLE journal_positions (
    node    TEXT PRIMARY KEY,
    segment INTEGER NOT NULL,
    place   INTEGER NOT NULL
) WITHOUT ROWID;

-- Journal records that nobody could read, as they are.
CREATE TABLE unreadable (
    node    TEXT NOT NULL,
    segment INTEGER NOT NULL,
    place   INTEGER NOT NULL,
    octets  BLOB NOT NULL,
    PRIMARY KEY (node, segment, place)
) WITHOUT ROWID;
