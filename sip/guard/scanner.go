package guard

import (
	"strings"

	sipmsg "github.com/emiago/sipgo/sip"
)

// scanners are pieces of the names under which scanning tools introduce
// themselves, in lower case.
var scanners = []string{
	"friendly-scanner", "sipvicious", "sipcli", "sip-scan", "sipscan", "siparmyknife", "sivus", "svmap", "svwar",
	"svcrack", "vaxsipuseragent", "vaxasip", "sundayddr", "pplsip", "iwar", "smap", "nmap", "sipptk", "masscan", "zgrab",
}

// IsScanner tells whether a request says that it comes from a scanning tool, by
// its User-Agent or the display name of its From.
func IsScanner(req *sipmsg.Request) bool {
	if h := req.GetHeader("User-Agent"); h != nil && named(h.Value()) {
		return true
	}
	from := req.From()
	return from != nil && (named(from.DisplayName) || named(from.Address.User))
}

func named(text string) bool {
	text = strings.ToLower(text)
	for _, s := range scanners {
		if strings.Contains(text, s) {
			return true
		}
	}
	return false
}
