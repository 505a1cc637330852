package speech

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"offhook/media/audio"
)

// Cache is a Synthesizer that asks the next one only for what it has not made
// before. What calls play is one shared clip in memory; what is complete also
// lies on disk, up to a bound, the least used going first.
type Cache struct {
	next   Synthesizer
	engine string
	memory *audio.Cache
	disk   *disk // nil: memory only
	flight singleflight.Group

	ctx    context.Context
	cancel context.CancelFunc
	work   sync.WaitGroup // clips that are still growing
}

const (
	memoryBytes    = 64 << 20        // of clips that nobody plays
	synthesisLimit = 5 * time.Minute // for one text
)

// NewCache makes a cache before next that keeps at most maxBytes in dir, which
// it creates; with dir empty it works in memory only. An engine with a method
// Name() string, which should name model and default voice, never gets
// another engine's audio. Trouble with the disk is logged and costs no speech.
// Close it after use.
func NewCache(next Synthesizer, dir string, maxBytes int64) *Cache {
	c := &Cache{next: next, memory: audio.NewCache(memoryBytes)}
	if n, ok := next.(interface{ Name() string }); ok {
		c.engine = n.Name()
	}
	if dir != "" && maxBytes > 0 {
		d, err := openDisk(dir, maxBytes)
		if err != nil {
			slog.Warn("speech cache on disk is off", "dir", dir, "error", err)
		} else {
			c.disk = d
		}
	}
	c.ctx, c.cancel = context.WithCancel(context.Background())
	return c
}

// Warm implements Warmer for the engine behind the cache.
func (c *Cache) Warm(ctx context.Context) { Warm(ctx, c.next) }

// Close stops what is being synthesised and waits until the disk is quiet.
func (c *Cache) Close() {
	c.cancel()
	c.work.Wait()
}

// key names a request: what is heard depends on nothing else.
func (c *Cache) key(r Request) string {
	h := sha256.Sum256([]byte(strings.Join([]string{c.engine, r.Language, r.Voice, r.Text}, "\x00")))
	return hex.EncodeToString(h[:])
}

// Synthesize implements Synthesizer. Cancelling ctx ends the wait; the work
// goes on for others who want the same, and for the cache.
func (c *Cache) Synthesize(ctx context.Context, r Request) (*audio.Clip, error) {
	r.Text = strings.TrimSpace(r.Text)
	key := c.key(r)
	if clip, ok := c.memory.Load(key); ok {
		return clip, nil
	}
	ch := c.flight.DoChan(key, func() (any, error) { return c.make(key, r) })
	select {
	case <-ctx.Done():
		return nil, fmt.Errorf("speech: %w", context.Cause(ctx))
	case res := <-ch:
		if res.Err != nil {
			return nil, res.Err
		}
		return res.Val.(*audio.Clip), nil
	}
}

func (c *Cache) make(key string, r Request) (*audio.Clip, error) {
	if clip, ok := c.memory.Load(key); ok {
		return clip, nil
	}
	if c.disk != nil {
		if clip, ok := c.disk.load(key); ok {
			c.memory.Store(key, clip)
			return clip, nil
		}
	}
	ctx, cancel := context.WithTimeout(c.ctx, synthesisLimit)
	clip, err := c.next.Synthesize(ctx, r)
	if err != nil {
		cancel()
		return nil, err
	}
	c.memory.Store(key, clip)
	c.work.Go(func() {
		defer cancel()
		<-clip.Done()
		c.complete(key, clip)
	})
	return clip, nil
}

// complete keeps a clip that came to its end and forgets one that failed.
func (c *Cache) complete(key string, clip *audio.Clip) {
	if err := clip.Err(); err != nil {
		slog.Warn("speech broke off", "error", err)
		c.memory.Delete(key, clip)
		return
	}
	if c.disk == nil {
		return
	}
	if err := c.disk.save(key, clip); err != nil {
		slog.Warn("speech is not kept on disk", "error", err)
	}
}
