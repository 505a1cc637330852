package resource

// Endpoint is where a customer's events are delivered: its own webhook when
// URI is empty, else the webhook of one of its flows.
type Endpoint struct {
	CustomerID string
	URI        string
}

// Delivery is one event that waits for one endpoint. Seq grows in the order
// in which events were committed.
type Delivery struct {
	Endpoint
	Seq   int64
	Event Event
}
