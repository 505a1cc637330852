package api

import (
	"net/http"

	"offhook/resource"
	"offhook/store/rows"
)

// transferBody is the body of POST /transfers.
type transferBody struct {
	ID                  string             `json:"id" doc:"1 to 64 of letters, digits, - _ .; made by the server when omitted"`
	TransferType        string             `json:"transfer_type" doc:"attended: talk to the new party first, blind: at once" enum:"attended,blind,"`
	Type                string             `json:"type" doc:"The same" enum:"attended,blind,"`
	TransfererCallID    string             `json:"transferer_call_id" doc:"The call of the one who transfers"`
	TransfereeAddresses []resource.Address `json:"transferee_addresses" doc:"Who gets the conversation; the first that answers"`
	Context             map[string]any     `json:"context" doc:"Handed on unchanged: in transfer_completed, to the target's flow and as X- headers"`
}

// callTransferBody is the body of POST /calls/{id}/transfer.
type callTransferBody struct {
	ID           string             `json:"id" doc:"Of the transfer; made by the server when omitted"`
	Type         string             `json:"type" doc:"attended: talk to the new party first, blind: at once" enum:"attended,blind,"`
	Destination  *resource.Address  `json:"destination" doc:"Who gets the conversation"`
	Destinations []resource.Address `json:"destinations" doc:"Several of whom the first that answers gets it"`
	Context      map[string]any     `json:"context" doc:"Handed on unchanged: in transfer_completed, to the target's flow and as X- headers"`
}

// callTransfer is the answer of POST /calls/{id}/transfer.
type callTransfer struct {
	TransferID    string `json:"transfer_id" doc:"For /transfers/{id}/complete and /cancel"`
	ConsultCallID string `json:"consult_call_id" doc:"The call to the new party"`
	Status        string `json:"status" doc:"consulting, ringing, completed, canceled or failed"`
}

func (s *Server) registerTransfers() {
	serve(s, collection[resource.Transfer, *resource.Transfer]{path: "transfers", name: "transfer", rows: rows.Transfers, verbs: readOnly})
	command(s, endpoint{method: http.MethodPost, path: "/transfers", name: "createTransfer", tag: "transfers", doc: "Hand a conversation over"},
		func(r *request, b *transferBody) (*resource.Transfer, error) {
			return s.transfer(r, "transferer_call_id", "transferee_addresses", TransferRequest{
				ID: b.ID, Type: orElse(b.TransferType, b.Type), CallID: b.TransfererCallID, Destinations: b.TransfereeAddresses, Context: b.Context,
			})
		})
	command(s, endpoint{method: http.MethodPost, path: "/calls/{id}/transfer", name: "transferCall", tag: "calls", doc: "Hand the conversation of a call over; {id} is the call of the one who transfers"},
		func(r *request, b *callTransferBody) (*callTransfer, error) {
			to := b.Destinations
			if b.Destination != nil {
				to = append([]resource.Address{*b.Destination}, to...)
			}
			t, err := s.transfer(r, "id", "destination", TransferRequest{ID: b.ID, Type: b.Type, CallID: r.id(), Destinations: to, Context: b.Context})
			if err != nil {
				return nil, err
			}
			return &callTransfer{TransferID: t.ID, ConsultCallID: t.TransfereeCallID, Status: t.Status}, nil
		})
	end := func(name, done, doc string, act func(*request) (resource.Transfer, error)) {
		query(s, endpoint{method: http.MethodPost, path: "/transfers/{id}/" + name, name: name + "Transfer", tag: "transfers", doc: doc},
			func(r *request) (*resource.Transfer, error) {
				if s.cfg.Live == nil {
					return nil, notConfigured("calls")
				}
				row, err := rows.Transfers.Load(r.Context(), s.db, r.who.CustomerID, r.id())
				switch {
				case err != nil:
					return nil, s.orNotFound("transfer", r.id(), err)
				case row.Status == done: // as asked before
					return listsOf(row), nil
				}
				t, err := act(r)
				if err != nil {
					return nil, err
				}
				return listsOf(&t), nil
			})
	}
	end("complete", "completed", "Connect both sides and leave", func(r *request) (resource.Transfer, error) {
		return s.cfg.Live.TransferComplete(r.Context(), r.who.CustomerID, r.id())
	})
	end("cancel", "canceled", "Give up and bring the original parties back together", func(r *request) (resource.Transfer, error) {
		return s.cfg.Live.TransferCancel(r.Context(), r.who.CustomerID, r.id())
	})
}

// transfer starts a transfer; the paths name the body's fields in faults.
func (s *Server) transfer(r *request, callPath, toPath string, t TransferRequest) (*resource.Transfer, error) {
	c := s.check(r)
	c.chosenID(t.ID)
	t.Type = orElse(t.Type, "attended")
	if t.CallID == "" {
		c.fault(callPath, "MISSING_FIELD", "say whose conversation is handed over: the id of a call in progress")
	}
	c.addresses(toPath, t.Destinations)
	c.sipTargets(toPath, t.Destinations)
	if err := c.err(); err != nil {
		return nil, err
	}
	if s.cfg.Live == nil {
		return nil, notConfigured("calls")
	}
	host, ok := s.cfg.Live.Host(r.who.CustomerID, t.CallID)
	if !ok {
		call, err := s.readCall(r.Context(), r.who, t.CallID)
		if err != nil {
			return nil, err
		}
		return nil, alreadyHangup(call)
	}
	if call := host.Call.Snapshot(); call.Status != resource.StatusProgressing {
		return nil, precondition("CALL_STATE_INVALID", "the call is %s; only a conversation can be handed over", call.Status)
	}
	release, err := claim(r.Context(), s, rows.Transfers, r.who, "transfer", t.ID)
	if err != nil {
		return nil, err
	}
	defer release()
	done, err := s.cfg.Live.Transfer(r.Context(), r.who.CustomerID, t)
	if err != nil {
		return nil, err
	}
	return listsOf(&done), nil
}
