package call

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

func TestAsked(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		told := make(chan netip.AddrPort, 2*maxAsked)
		from := func(n int) netip.AddrPort {
			return netip.AddrPortFrom(netip.AddrFrom4([4]byte{192, 0, 2, byte(n)}), 5060)
		}
		count := func() int { synctest.Wait(); n := len(told); drain(told); return n }
		a := newAsked(func(src netip.AddrPort) { told <- src })

		a.challenge("phone", from(1))
		time.Sleep(answerTime - time.Second)
		if !a.answer("phone") || a.answer("phone") || a.answer("nobody asked") {
			t.Error("answers are not told from others")
		}
		a.challenge("scanner", from(2))
		a.challenge("scanner", from(2)) // the same request, sent again
		time.Sleep(answerTime)
		synctest.Wait()
		if got := drain(told); !slices.Equal(got, []netip.AddrPort{from(2)}) {
			t.Errorf("told of %v", got)
		}

		for i := range maxAsked + 10 {
			a.challenge(fmt.Sprint(i), from(3))
		}
		if n := count(); n != 10 {
			t.Errorf("%d told of at once, want what was too much", n)
		}
		time.Sleep(answerTime)
		if n := count(); n != maxAsked {
			t.Errorf("%d told of later", n)
		}
		a.challenge("late", from(4))
		a.close()
		a.challenge("later", from(4))
		time.Sleep(time.Minute)
		if n := count(); n != 0 {
			t.Errorf("%d told of after the end", n)
		}
	})
}

func drain[T any](c <-chan T) (all []T) {
	for len(c) > 0 {
		all = append(all, <-c)
	}
	return all
}
