-- +goose Up
-- Rows that are not shown before all of their stage are there.
CREATE TABLE stages (
    first INTEGER PRIMARY KEY,
    last  INTEGER NOT NULL,
    stage TEXT NOT NULL,
    kind  TEXT NOT NULL
);
CREATE INDEX stages_stage ON stages (stage);

-- +goose Down
DROP TABLE stages;
