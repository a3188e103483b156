-- How a NAS reaches us. A secret only where there is no TLS; several NASes may connect over TLS from
-- one address, for there it is the certificate that tells them apart.
CREATE TABLE nases_2 (
    name              TEXT PRIMARY KEY,
    prefix            TEXT NOT NULL,
    transport         TEXT NOT NULL CHECK (transport IN ('udp', 'tcp', 'tls', 'dtls')),
    secret            BLOB CHECK ((secret IS NOT NULL) = (transport IN ('udp', 'tcp'))),
    marks             TEXT NOT NULL,
    ca                TEXT,
    psk_identity      TEXT,
    psk               BLOB CHECK ((psk IS NULL) = (psk_identity IS NULL)),
    max_connections   INTEGER,
    dialect           TEXT NOT NULL,
    require_mac       TEXT NOT NULL,
    latched           INTEGER NOT NULL,
    limit_proxy_state INTEGER NOT NULL,
    remark            TEXT NOT NULL
) WITHOUT ROWID;

INSERT INTO nases_2 (name, prefix, transport, secret, marks, dialect, require_mac, latched,
                     limit_proxy_state, remark)
SELECT name, prefix, 'udp', secret, '[]', dialect, require_mac, latched, limit_proxy_state, remark
FROM nases;

DROP TABLE nases;
ALTER TABLE nases_2 RENAME TO nases;

CREATE UNIQUE INDEX nases_by_prefix ON nases (prefix) WHERE transport IN ('udp', 'tcp');
CREATE UNIQUE INDEX nases_by_psk ON nases (psk_identity) WHERE psk_identity IS NOT NULL;
