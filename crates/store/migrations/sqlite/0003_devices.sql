-- Devices that are let in by their MAC address, written as aa-bb-cc-dd-ee-ff.
CREATE TABLE devices (
    mac     TEXT PRIMARY KEY,
    label   TEXT NOT NULL,
    enabled INTEGER NOT NULL,
    checks  TEXT NOT NULL,
    replies TEXT NOT NULL,
    remark  TEXT NOT NULL
) WITHOUT ROWID;

CREATE TABLE device_memberships (
    mac        TEXT NOT NULL REFERENCES devices (mac) ON DELETE CASCADE,
    place      INTEGER NOT NULL,
    group_name TEXT NOT NULL,
    priority   INTEGER NOT NULL,
    PRIMARY KEY (mac, place)
) WITHOUT ROWID;

CREATE INDEX device_memberships_group ON device_memberships (group_name, mac);
