package audio

import (
	"container/list"
	"sync"
	"weak"
)

// Cache keeps clips by key. It holds the last used ones up to a bound of
// memory, and finds the others for as long as somebody plays them, so that one
// prompt is in memory once however many calls play it. Safe for concurrent use.
type Cache struct {
	max int64

	mu   sync.Mutex
	held map[string]*list.Element // of *cached
	lru  *list.List               // newest first
	weak map[string]weak.Pointer[Clip]
}

type cached struct {
	key  string
	clip *Clip
}

// NewCache makes a cache that holds at most maxBytes of clips that nobody plays.
func NewCache(maxBytes int64) *Cache {
	return &Cache{max: maxBytes, held: map[string]*list.Element{}, lru: list.New(), weak: map[string]weak.Pointer[Clip]{}}
}

// Load finds a clip.
func (c *Cache) Load(key string) (*Clip, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if e, ok := c.held[key]; ok {
		c.lru.MoveToFront(e)
		return e.Value.(*cached).clip, true
	}
	if clip := c.weak[key].Value(); clip != nil {
		c.hold(key, clip)
		return clip, true
	}
	return nil, false
}

// Store puts a clip under key, in place of what was there.
func (c *Cache) Store(key string, clip *Clip) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.drop(key)
	c.hold(key, clip)
	c.weak[key] = weak.Make(clip)
	if len(c.weak) > 2*len(c.held)+64 {
		for k, w := range c.weak {
			if w.Value() == nil {
				delete(c.weak, k)
			}
		}
	}
}

// Delete forgets key where it stands for clip.
func (c *Cache) Delete(key string, clip *Clip) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.weak[key].Value() == clip {
		c.drop(key)
		delete(c.weak, key)
	}
}

// Bytes is the memory that the held clips take.
func (c *Cache) Bytes() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes()
}

func (c *Cache) bytes() int64 {
	var n int64
	for e := c.lru.Front(); e != nil; e = e.Next() {
		n += e.Value.(*cached).clip.Bytes()
	}
	return n
}

func (c *Cache) drop(key string) {
	if e, ok := c.held[key]; ok {
		c.lru.Remove(e)
		delete(c.held, key)
	}
}

// hold makes the clip the newest and lets the oldest go over the bound. Clips
// grow, so the sum is taken anew; the newest stays whatever its size.
func (c *Cache) hold(key string, clip *Clip) {
	c.held[key] = c.lru.PushFront(&cached{key: key, clip: clip})
	for used := c.bytes(); used > c.max && c.lru.Len() > 1; {
		last := c.lru.Back().Value.(*cached)
		used -= last.clip.Bytes()
		c.drop(last.key)
	}
}
