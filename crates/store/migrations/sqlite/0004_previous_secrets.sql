-- The shared secret that a NAS had before its present one, and until when it is accepted, in
-- milliseconds since 1970; whether it is known to use the present one by now.
ALTER TABLE nases ADD COLUMN previous_secret BLOB;
ALTER TABLE nases ADD COLUMN previous_until_ms INTEGER
    CHECK ((previous_until_ms IS NULL) = (previous_secret IS NULL));
ALTER TABLE nases ADD COLUMN previous_superseded INTEGER NOT NULL DEFAULT 0;
