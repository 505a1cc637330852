package media

import "testing"

// still is a ticker that does nothing.
type still struct{}

func (still) tick(instant) {}

func TestFewTickersUseFewSlots(t *testing.T) {
	for _, c := range []struct{ tickers, used int }{
		{1, 1}, {5, 5}, {5 * fullSlot, 5}, {5*fullSlot + 1, 6}, {10 * fullSlot, 10}, {20 * fullSlot, 20}, {2000, 20},
	} {
		s := &shard{}
		for range c.tickers {
			s.enter(still{}, s.quietestSlot())
		}
		used, most := 0, 0
		for _, list := range s.slots {
			if len(list) > 0 {
				used++
			}
			most = max(most, len(list))
		}
		if used != c.used || most > max(fullSlot, c.tickers/slots) {
			t.Errorf("%d tickers: %d slots used with up to %d, want %d slots", c.tickers, used, most, c.used)
		}
	}
}
