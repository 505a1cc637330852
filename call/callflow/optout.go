package callflow

import (
	"context"
	"errors"

	"offhook/event"
	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// AddOptOut implements flow.OptOuts.
func (r *Runner) AddOptOut(ctx context.Context, customerID, number, detail string) error {
	row := resource.DoNotCall{Identity: resource.Identity{CustomerID: customerID}, Number: resource.PlainNumber(number), Detail: detail}
	return r.cfg.DB.Write(ctx, func(tx *store.Tx) error {
		err := rows.DoNotCalls.Insert(tx, &row)
		if errors.Is(err, store.ErrExists) {
			return nil
		}
		if err != nil {
			return err
		}
		return tx.Emit(event.Of("donotcall_created", &row, ""))
	})
}
