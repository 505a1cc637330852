-- +goose Up
-- A number that stands for all that begin like it is found by a key.
INSERT INTO resource_keys (kind, name, value, customer_id, seq, uniq)
SELECT kind, 'range', '1', customer_id, seq, 0 FROM resource_keys
WHERE kind = 'number' AND name = 'number' AND value LIKE '%*'
ON CONFLICT DO NOTHING;
