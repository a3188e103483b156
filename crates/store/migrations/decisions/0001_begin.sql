-- The last decisions, as JSON. `place` is the order in which they were written.

CREATE TABLE decisions (
    place     INTEGER PRIMARY KEY AUTOINCREMENT,
    id        INTEGER NOT NULL,
    time_ms   INTEGER NOT NULL,
    user_name TEXT,
    nas       TEXT,
    outcome   TEXT NOT NULL,
    body      TEXT NOT NULL
);

CREATE INDEX decisions_id ON decisions (id);
CREATE INDEX decisions_time ON decisions (time_ms);
CREATE INDEX decisions_user ON decisions (user_name, place);
CREATE INDEX decisions_nas ON decisions (nas, place);
CREATE INDEX decisions_outcome ON decisions (outcome, place);
