-- +goose Up
CREATE TABLE resources (
	seq         INTEGER PRIMARY KEY AUTOINCREMENT,
	kind        TEXT NOT NULL,
	customer_id TEXT NOT NULL,
	id          TEXT NOT NULL,
	body        TEXT NOT NULL,
	keys        TEXT NOT NULL DEFAULT '',
	created     INTEGER NOT NULL,
	UNIQUE (kind, customer_id, id)
);
CREATE INDEX resources_page ON resources (kind, customer_id, seq);

CREATE TABLE resource_keys (
	kind        TEXT NOT NULL,
	name        TEXT NOT NULL,
	value       TEXT NOT NULL,
	customer_id TEXT NOT NULL,
	id          TEXT NOT NULL,
	PRIMARY KEY (kind, name, value, customer_id, id)
) WITHOUT ROWID;
CREATE INDEX resource_keys_row ON resource_keys (kind, customer_id, id);

CREATE TABLE outbox (
	seq         INTEGER PRIMARY KEY AUTOINCREMENT,
	event_id    TEXT NOT NULL,
	customer_id TEXT NOT NULL,
	uri         TEXT NOT NULL,
	method      TEXT NOT NULL,
	order_key   TEXT NOT NULL,
	body        TEXT NOT NULL,
	created     INTEGER NOT NULL
);

-- +goose Down
DROP TABLE outbox;
DROP TABLE resource_keys;
DROP TABLE resources;
