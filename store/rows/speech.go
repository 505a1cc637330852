package rows

import (
	"offhook/resource"
	"offhook/store"
)

// The collections of speech and assistants.
var (
	Transcribes = store.NewCollection("transcribe", func(t *resource.Transcribe) []store.Key {
		return append(live(t.Status != "done"), store.Key{Name: KeyParent, Value: t.ReferenceID})
	})
	Transcripts = store.NewCollection("transcript", func(t *resource.Transcript) []store.Key {
		return []store.Key{{Name: KeyParent, Value: t.TranscribeID}}
	})
	AIs     = store.NewCollection[resource.AI]("ai", nil)
	Aicalls = store.NewCollection("aicall", func(a *resource.Aicall) []store.Key {
		return append(live(a.Status != "terminated"), store.Key{Name: KeyParent, Value: a.ReferenceID})
	})
	Aimessages = store.NewCollection("aimessage", func(m *resource.Aimessage) []store.Key {
		return []store.Key{{Name: KeyParent, Value: m.AicallID}}
	})
)
