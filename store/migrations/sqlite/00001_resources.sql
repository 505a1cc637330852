-- +goose Up
CREATE TABLE resources (
    seq         INTEGER PRIMARY KEY,
    kind        TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    id          TEXT NOT NULL,
    tm_create   INTEGER NOT NULL,
    keys        TEXT NOT NULL,
    body        TEXT NOT NULL,
    UNIQUE (kind, customer_id, id)
);
CREATE INDEX resources_newest ON resources (kind, customer_id, seq);

CREATE TABLE resource_keys (
    kind        TEXT NOT NULL,
    name        TEXT NOT NULL,
    value       TEXT NOT NULL,
    customer_id TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    uniq        INTEGER NOT NULL,
    PRIMARY KEY (kind, name, value, customer_id, seq)
) WITHOUT ROWID;
CREATE INDEX resource_keys_row ON resource_keys (seq);
CREATE UNIQUE INDEX resource_keys_unique ON resource_keys (kind, name, value, customer_id) WHERE uniq = 1;

CREATE TABLE events (
    seq            INTEGER PRIMARY KEY,
    id             TEXT NOT NULL,
    customer_id    TEXT NOT NULL,
    type           TEXT NOT NULL,
    resource       TEXT NOT NULL,
    resource_id    TEXT NOT NULL,
    order_key      TEXT NOT NULL,
    webhook_uri    TEXT NOT NULL,
    webhook_method TEXT NOT NULL,
    tm             INTEGER NOT NULL,
    data           TEXT NOT NULL
);
CREATE INDEX events_order ON events (order_key, seq);

CREATE TABLE outbox (
    customer_id TEXT NOT NULL,
    uri         TEXT NOT NULL,
    seq         INTEGER NOT NULL,
    PRIMARY KEY (customer_id, uri, seq)
) WITHOUT ROWID;

-- +goose Down
DROP TABLE outbox;
DROP TABLE events;
DROP TABLE resource_keys;
DROP TABLE resources;
