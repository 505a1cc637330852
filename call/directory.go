package call

import (
	"context"
	"strings"

	"offhook/resource"
	"offhook/store"
	"offhook/store/rows"
)

// directory is what every call looks up and people rarely change, read once.
// Its rows are shared: nobody may change them.
type directory struct {
	numbers    *store.Cache[resource.Number, *resource.Number]
	routes     *store.Cache[resource.Route, *resource.Route]
	providers  *store.Cache[resource.Provider, *resource.Provider]
	extensions *store.Cache[resource.Extension, *resource.Extension]
	agents     *store.Cache[resource.Agent, *resource.Agent]
	customers  *store.Cache[resource.Customer, *resource.Customer]
}

func newDirectory(db *store.DB) directory {
	return directory{
		numbers: store.NewCache(db, rows.Numbers), routes: store.NewCache(db, rows.Routes),
		providers: store.NewCache(db, rows.Providers), extensions: store.NewCache(db, rows.Extensions),
		agents: store.NewCache(db, rows.Agents), customers: store.NewCache(db, rows.Customers),
	}
}

// numberFor finds the customer's number that a dialled user part belongs to:
// an exact match, else the longest range.
func (x *Exchange) numberFor(ctx context.Context, customerID, dialled string) *resource.Number {
	written := []string{dialled}
	if isNumber(dialled) {
		written = append(written, "+"+dialled)
	}
	for _, number := range written {
		if n := x.numberBy(ctx, rows.KeyNumber, number, customerID, dialled); n != nil {
			return n
		}
	}
	return x.numberBy(ctx, rows.KeyRange, "1", customerID, dialled)
}

// numberBy is the longest that matches among the numbers with a key.
func (x *Exchange) numberBy(ctx context.Context, key, value, customerID, dialled string) *resource.Number {
	list, err := x.directory.numbers.Find(ctx, key, value)
	if err != nil {
		x.cfg.Logger.Error("find a number", "number", dialled, "error", err)
		return nil
	}
	var best *resource.Number
	for _, n := range list {
		if n.CustomerID == customerID && numberMatches(n.Number, dialled) && (best == nil || len(n.Number) > len(best.Number)) {
			best = n
		}
	}
	return best
}

// numberMatches compares a number with what was dialled. A carrier that leaves
// out the plus of an E.164 number means the same number.
func numberMatches(number, dialled string) bool {
	if prefix, ok := strings.CutSuffix(number, "*"); ok {
		return strings.HasPrefix(dialled, prefix) || strings.HasPrefix("+"+dialled, prefix) && isNumber(dialled)
	}
	return number == dialled || number == "+"+dialled && isNumber(dialled)
}

// isNumber reports whether a user part looks like a telephone number.
func isNumber(s string) bool {
	digits := strings.TrimPrefix(s, "+")
	return digits != "" && strings.Trim(digits, "0123456789*#") == ""
}
