package queue

import (
	"container/heap"
	"time"
)

// alarm is a time at which an agent or a caller is looked at again. It may be
// out of date by then.
type alarm struct {
	at     time.Time
	agent  *agent
	caller *caller
}

// alarms gives alarms in order of time.
type alarms struct{ heap alarmHeap }

func (a *alarms) set(at time.Time, who *agent, c *caller) {
	heap.Push(&a.heap, alarm{at, who, c})
}

// pop returns an alarm that is due.
func (a *alarms) pop(now time.Time) (alarm, bool) {
	if len(a.heap) == 0 || now.Before(a.heap[0].at) {
		return alarm{}, false
	}
	return heap.Pop(&a.heap).(alarm), true
}

func (a *alarms) next() (time.Time, bool) {
	if len(a.heap) == 0 {
		return time.Time{}, false
	}
	return a.heap[0].at, true
}

// alarmHeap implements heap.Interface.
type alarmHeap []alarm

func (h alarmHeap) Len() int           { return len(h) }
func (h alarmHeap) Less(i, j int) bool { return h[i].at.Before(h[j].at) }
func (h alarmHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *alarmHeap) Push(x any)        { *h = append(*h, x.(alarm)) }
func (h *alarmHeap) Pop() any {
	old := *h
	last := old[len(old)-1]
	old[len(old)-1] = alarm{}
	*h = old[:len(old)-1]
	return last
}
