package flow_test

import (
	"context"
	"log/slog"
	"testing"

	"offhook/flow"
)

func BenchmarkParse(b *testing.B) {
	text := []byte(`[{"id":"a","type":"say","option":{"text":"hello ${x}","long":100}},{"type":"set","option":{"name":"a","value":"b"}},{"type":"hop","option":{"to":"a","times":2}},{"type":"quit"}]`)
	b.ReportAllocs()
	for b.Loop() {
		if _, err := flow.ParseJSON(text, verbs); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkStep is one action of a run without a journal.
func BenchmarkStep(b *testing.B) {
	for name, text := range map[string]string{
		"plain":     `[{"id":"a","type":"set","option":{"name":"n","value":"v"}},{"type":"hop","option":{"to":"a"}}]`,
		"variables": `[{"id":"a","type":"set","option":{"name":"n","value":"${call.source.target} v"}},{"type":"hop","option":{"to":"a"}}]`,
	} {
		p, err := flow.ParseJSON([]byte(text), verbs)
		if err != nil {
			b.Fatal(err)
		}
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for steps := 0; steps < b.N; steps += flow.MaxIdleActions {
				run := flow.Start(context.Background(), flow.Host{}, flow.Options{Program: p, Logger: slog.New(slog.DiscardHandler)})
				run.Wait()
			}
		})
	}
}
