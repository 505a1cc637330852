-- +goose Up
CREATE TABLE resources (
	seq         BIGSERIAL PRIMARY KEY,
	kind        TEXT NOT NULL,
	customer_id TEXT NOT NULL,
	id          TEXT NOT NULL,
	body        TEXT NOT NULL,
	keys        TEXT NOT NULL DEFAULT '',
	created     BIGINT NOT NULL,
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
);
CREATE INDEX resource_keys_row ON resource_keys (kind, customer_id, id);

CREATE TABLE outbox (
	seq         BIGSERIAL PRIMARY KEY,
	event_id    TEXT NOT NULL,
	customer_id TEXT NOT NULL,
	uri         TEXT NOT NULL,
	method      TEXT NOT NULL,
	order_key   TEXT NOT NULL,
	body        TEXT NOT NULL,
	created     BIGINT NOT NULL
);

-- +goose Down
DROP TABLE outbox;
DROP TABLE resource_keys;
DROP TABLE resources;
