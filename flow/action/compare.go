package action

import "cmp"

// comparisons are the words of an option's condition and what they ask of
// cmp.Compare(left, right).
var comparisons = map[string]func(order int) bool{
	"":              func(o int) bool { return o == 0 },
	"==":            func(o int) bool { return o == 0 },
	"!=":            func(o int) bool { return o != 0 },
	">":             func(o int) bool { return o > 0 },
	">=":            func(o int) bool { return o >= 0 },
	"<":             func(o int) bool { return o < 0 },
	"<=":            func(o int) bool { return o <= 0 },
	"equal":         func(o int) bool { return o == 0 },
	"not_equal":     func(o int) bool { return o != 0 },
	"greater":       func(o int) bool { return o > 0 },
	"greater_equal": func(o int) bool { return o >= 0 },
	"less":          func(o int) bool { return o < 0 },
	"less_equal":    func(o int) bool { return o <= 0 },
}

// holds reports whether left <condition> right. Unknown conditions hold never.
func holds[T cmp.Ordered](left T, condition string, right T) bool {
	test := comparisons[condition]
	return test != nil && test(cmp.Compare(left, right))
}
