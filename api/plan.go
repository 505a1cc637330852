package api

import (
	"context"
	"encoding/json"
	"errors"

	"offhook/store"
)

// plan is what applying one object of a provisioning file will do, after the
// rules were held against it.
type plan struct {
	action  string                   // created, updated or unchanged
	settled func(tx *store.Tx) error // errMoved when the object is not what was planned for; nil: it is new
	write   func(tx *store.Tx) error // nil: nothing is to be done
	done    func()                   // when it is stored
	word    func(err error) error    // says what the store refused
}

// provisioner plans objects of a collection. name is what they are called by
// those that refer to them.
type provisioner struct {
	name string
	plan func(ctx context.Context, who principal, raw json.RawMessage) (plan, error)
}

// planKey is the key of a context's set of objects that are about to be stored,
// by name and id: they may be referred to as if they were there.
type planKey struct{}

// planned tells whether an object is about to be stored in the same transaction.
func planned(ctx context.Context, name, id string) bool {
	set, _ := ctx.Value(planKey{}).(map[string]bool)
	return set[name+" "+id]
}

// plan finds out what one object of a provisioning file comes to.
func (v *served[T, P]) plan(ctx context.Context, who principal, raw json.RawMessage) (plan, error) {
	given, err := parseObject(raw)
	if err != nil {
		return plan{}, err
	}
	id := idOf(raw)
	if id == "" {
		return plan{}, invalid([]Detail{{Path: "id", Reason: "MISSING_FIELD", Message: "what is provisioned needs an id of its own, so that it can be applied again"}})
	}
	word := func(err error) error { return v.storeError(ctx, who, id, err) }
	_, err = v.rows.Load(ctx, v.s.db, v.whose(who, id), id)
	if err == nil {
		return v.planUpdate(ctx, who, id, raw, given, word)
	}
	if !errors.Is(err, store.ErrNotFound) {
		return plan{}, err
	}
	row, _, err := v.fromBody(ctx, who, raw, nil)
	return plan{
		action: "created", word: word, done: func() { v.s.changed(v.name, "created", row) },
		write: func(tx *store.Tx) error {
			if err := v.rows.Insert(tx, row); err != nil {
				return err
			}
			return v.note(ctx, tx, "created", row)
		},
	}, err
}

// planUpdate plans the change of an object that is there. Another object of the
// same file may change it too (an outdial its campaign); then the given fields
// are set once more on what that made of it.
func (v *served[T, P]) planUpdate(ctx context.Context, who principal, id string, raw []byte, given fields, word func(error) error) (plan, error) {
	if _, _, err := decode[T](v.s, v.schema, raw); err != nil {
		return plan{}, err
	}
	row, before, err := v.alter(ctx, who, id, func(c *check, row *T) error { return v.takeOver(c, given, row) })
	if err != nil || before == nil {
		return plan{action: "unchanged"}, err
	}
	return plan{
		action: "updated", word: word, done: func() { v.s.changed(v.name, "updated", row) },
		settled: func(tx *store.Tx) error { return v.unmoved(tx, before, row) },
		write: func(tx *store.Tx) error {
			stored, same, err := v.present(tx, before, row)
			if err != nil {
				return err
			}
			if !same {
				old := *stored
				c := &check{ctx: ctx, s: v.s, who: who}
				if err := v.takeOver(c, given, stored); err != nil {
					return err
				}
				if v.fresh != nil {
					v.fresh(stored)
				}
				if v.prepare != nil {
					v.prepare(&old, stored)
				}
				*row = *listsOf(stored)
			}
			return v.replace(ctx, tx, row)
		},
	}, nil
}
