package flow

// frame is a list of actions and the place in it.
type frame struct {
	program *Program
	origin  string // of the document, for loop counts
	at      int    // the next action
}

// stack is the lists that are being run, each pushed by an action of the one
// below it. Only the goroutine that steps it touches it.
type stack struct{ frames []frame }

// next returns the action to run and moves on, leaving lists that are through.
// It returns nil when nothing is left.
func (s *stack) next() *action {
	for len(s.frames) > 0 {
		top := &s.frames[len(s.frames)-1]
		if top.at < len(top.program.actions) {
			top.at++
			return top.program.actions[top.at-1]
		}
		s.frames = s.frames[:len(s.frames)-1]
	}
	return nil
}

// origin names the document of the present list.
func (s *stack) origin() string {
	if len(s.frames) == 0 {
		return ""
	}
	return s.frames[len(s.frames)-1].origin
}

// jump moves to the action of that id, in the present list or in those below,
// and reports whether there is one.
func (s *stack) jump(id string) bool {
	if id == finishID {
		s.frames = nil
		return true
	}
	if len(s.frames) > 0 && id == startID {
		s.frames[len(s.frames)-1].at = 0
		return true
	}
	if id == nilID || id == nextID {
		return true
	}
	for i := len(s.frames) - 1; i >= 0; i-- {
		if at, ok := s.frames[i].program.byID[id]; ok {
			s.frames[i].at = at
			s.frames = s.frames[:i+1]
			return true
		}
	}
	return false
}

// knows reports whether jump would find id.
func (s *stack) knows(id string) bool {
	for _, f := range s.frames {
		if _, ok := f.program.byID[id]; ok {
			return true
		}
	}
	return false
}

// push begins a list, unless too many are nested.
func (s *stack) push(p *Program, origin string) bool {
	if len(s.frames) >= maxNesting {
		return false
	}
	s.frames = append(s.frames, frame{program: p, origin: origin})
	return true
}
