package mp3

import (
	"math/bits"
	"strings"
)

// word is one Huffman code word, without the signs that follow it.
type word struct {
	bits   uint32
	length uint8
}

var (
	// words are the code words of each table by x*16+y, and wordsA those of
	// the quad table A.
	words  [32]*[256]word
	wordsA [16]word
	// linbits is how many bits of a value above 15 follow the word.
	linbits = [32]uint{16: 1, 2, 3, 4, 6, 8, 10, 13, 4, 5, 6, 7, 8, 9, 11, 13}
	// classes are the tables among which the largest value of a region
	// leaves the choice. The last one's are those with linbits.
	classes = [...][]int{{}, {1}, {2, 3}, {5, 6}, {7, 8, 9}, {10, 11, 12}, {13, 15}, {16, 24}}
	// classOf is the class that a largest value needs.
	classOf = [17]uint8{0, 1, 2, 3, 4, 4, 5, 5, 6, 6, 6, 6, 6, 6, 6, 6, 7}
	// escapeTables are the first tables of either kind with enough linbits.
	escapeTables [14][2]int
	// costs are the lengths with signs, by class and x*16+y, of all the
	// class's tables at once, costBits for each. In the last class the
	// third field counts the values that linbits follow.
	costs [len(classes)][256]uint64
	// costA is the length with signs of table A's words; B's is 4 and signs.
	costA, costB [16]uint8
)

const (
	costBits  = 20
	costMask  = 1<<costBits - 1
	escClass  = len(classes) - 1
	maxQuant  = 8191 + 15
	maxPart23 = 4095 // bits, part2_3_length has 12
)

func init() {
	for t, text := range codeWords {
		words[t] = parseWords(text)
	}
	for t := 17; t < 24; t++ {
		words[t], words[t+8] = words[16], words[24]
	}
	for i, s := range strings.Fields(quadA) {
		wordsA[i] = parseWord(s)
		signs := uint8(i&1 + i>>1&1 + i>>2&1 + i>>3&1)
		costA[i], costB[i] = wordsA[i].length+signs, 4+signs
	}
	for need := range escapeTables {
		pair := &escapeTables[need]
		for pair[0] = 16; linbits[pair[0]] < uint(need); pair[0]++ {
		}
		for pair[1] = 24; linbits[pair[1]] < uint(need); pair[1]++ {
		}
	}
	for class, tables := range classes {
		for field, t := range tables {
			for i, w := range words[t] {
				costs[class][i] |= uint64(int(w.length)+signsOf(i)) << (costBits * field)
			}
		}
	}
	for i := range 256 {
		escapes := 0
		if i>>4 == 15 {
			escapes++
		}
		if i&15 == 15 {
			escapes++
		}
		costs[escClass][i] |= uint64(escapes) << (2 * costBits)
	}
}

func signsOf(pair int) int {
	n := 0
	if pair>>4 != 0 {
		n++
	}
	if pair&15 != 0 {
		n++
	}
	return n
}

func parseWords(text string) *[256]word {
	var out [256]word
	for x, row := range strings.Split(strings.TrimSpace(text), "\n") {
		for y, s := range strings.Fields(row) {
			out[x*16+y] = parseWord(s)
		}
	}
	return &out
}

func parseWord(s string) word {
	w := word{length: uint8(len(s))}
	for _, c := range s {
		w.bits = w.bits<<1 | uint32(c-'0')
	}
	return w
}

// coding is how the quantised lines of one granule and channel are written:
// the part of the side information that the Huffman coder decides.
type coding struct {
	bits        int // of the Huffman codes
	bigValues   int // pairs
	quads       int // of count1
	quadTableB  bool
	tables      [3]int
	region0     int // region0_count
	region1     int // region1_count
	regionStart [2]int
}

// counter finds the shortest coding. It is scratch space, one for an encoder.
type counter struct {
	bands  *[23]int
	avoid  int // an edge of bands that decoders disagree on, 0: none
	prefix [len(classes)][23]uint64
	most   [22]int32 // of each band
	tails  [23]tail  // by the band that begins it
}

// tail is the last region of a granule.
type tail struct{ bits, table int }

// count finds the coding of ix, whose lines from end on are zero.
func (c *counter) count(out *coding, ix *[granule]int32, end, blockType int) {
	end = (end + 1) &^ 1
	for end > 0 && ix[end-1]|ix[end-2] == 0 {
		end -= 2
	}
	bits, a, b := 0, 0, 0
	big := end
	for big >= 4 && uint32(ix[big-1]|ix[big-2]|ix[big-3]|ix[big-4]) <= 1 {
		big -= 4
		quad := ix[big]<<3 | ix[big+1]<<2 | ix[big+2]<<1 | ix[big+3]
		a += int(costA[quad])
		b += int(costB[quad])
	}
	out.quads, out.bigValues = (end-big)/4, big/2
	out.quadTableB = b < a
	bits = min(a, b)
	out.bits = bits + c.divide(out, ix, big, blockType)
}

// divide cuts the big values into regions, each with the table that is best
// for it, so that all together are shortest.
func (c *counter) divide(out *coding, ix *[granule]int32, big, blockType int) int {
	last := c.sum(ix, big)
	if blockType != longBlock {
		return c.divideFixed(out, last, blockType)
	}
	c.sumTails(last)
	best := 1 << 30
	most0 := int32(0)
	for r0 := 1; r0 <= 16; r0++ {
		if r0 <= last {
			most0 = max(most0, c.most[r0-1])
		}
		first, t0 := c.cost(0, min(r0, last), most0)
		if first >= best {
			break
		}
		most1 := int32(0)
		for edge := r0 + 1; edge <= min(r0+8, 22); edge++ {
			if edge <= last {
				most1 = max(most1, c.most[edge-1])
			}
			if edge == c.avoid {
				continue
			}
			second, t1 := c.cost(min(r0, last), min(edge, last), most1)
			third := c.tails[min(edge, last)]
			if sum := first + second + third.bits; sum < best {
				best = sum
				out.region0, out.region1 = r0-1, edge-r0-1
				out.tables = [3]int{t0, t1, third.table}
			}
			if edge >= last {
				break
			}
		}
		if r0 >= last {
			break
		}
	}
	out.regionStart = [2]int{c.bands[out.region0+1], c.bands[out.region0+out.region1+2]}
	return best
}

// sumTails finds what a third region costs from each band on.
func (c *counter) sumTails(last int) {
	most := int32(0)
	c.tails[last] = tail{}
	for b := last - 1; b >= 0; b-- {
		most = max(most, c.most[b])
		c.tails[b].bits, c.tails[b].table = c.cost(b, last, most)
	}
}

// divideFixed is divide for window switching, where the standard fixes the
// regions: the second begins at line 36 of short blocks and at band 8 of
// others, and there is no third.
func (c *counter) divideFixed(out *coding, last, blockType int) int {
	edge := 8
	if blockType == shortBlock {
		for edge = 0; c.bands[edge] < 36; edge++ {
		}
	}
	edge0 := min(edge, last)
	first, t0 := c.cost(0, edge0, largest(c.most[:edge0]))
	second, t1 := c.cost(edge0, last, largest(c.most[edge0:last]))
	out.tables = [3]int{t0, t1, 0}
	out.regionStart = [2]int{c.bands[edge], granule}
	return first + second
}

func largest(values []int32) (most int32) {
	for _, v := range values {
		most = max(most, v)
	}
	return most
}

// sum fills prefix for the lines below big and gives the number of bands that
// they reach into.
func (c *counter) sum(ix *[granule]int32, big int) (last int) {
	most := int32(0)
	for last = 0; last < 22 && c.bands[last] < big; last++ {
		m := int32(0)
		for _, v := range ix[c.bands[last]:min(c.bands[last+1], big)] {
			m = max(m, v)
		}
		c.most[last] = m
		most = max(most, m)
	}
	top := classOf[min(most, 16)]
	for b := range last {
		from, to := c.bands[b], min(c.bands[b+1], big)
		low := classOf[min(c.most[b], 16)]
		for class := max(low, 1); class <= top; class++ {
			table := &costs[class]
			sum := c.prefix[class][b]
			if class < uint8(escClass) {
				for i := from; i < to; i += 2 {
					sum += table[uint8(ix[i]<<4|ix[i+1])]
				}
			} else {
				for i := from; i < to; i += 2 {
					sum += table[uint8(min(ix[i], 15)<<4|min(ix[i+1], 15))]
				}
			}
			c.prefix[class][b+1] = sum
		}
		for class := uint8(1); class < low; class++ {
			c.prefix[class][b+1] = c.prefix[class][b]
		}
	}
	return last
}

// cost is the length of the bands from up to but without to, among which most
// is the largest value, and the table that gives it.
func (c *counter) cost(from, to int, most int32) (bits, table int) {
	class := classOf[min(most, 16)]
	if class == 0 {
		return 0, 0
	}
	p := c.prefix[class][to] - c.prefix[class][from]
	if int(class) == escClass {
		return costEscaped(p, most)
	}
	tables := classes[class]
	bits, table = int(p&costMask), tables[0]
	for _, t := range tables[1:] {
		p >>= costBits
		if n := int(p & costMask); n < bits {
			bits, table = n, t
		}
	}
	return bits, table
}

// costEscaped is cost for values above 15.
func costEscaped(p uint64, most int32) (length, table int) {
	escapes := int(p >> (2 * costBits))
	need := escapeTables[bits.Len32(uint32(most-15))]
	n16 := int(p&costMask) + escapes*int(linbits[need[0]])
	n24 := int(p>>costBits&costMask) + escapes*int(linbits[need[1]])
	if n24 < n16 {
		return n24, need[1]
	}
	return n16, need[0]
}

// write appends the Huffman codes of the granule: the lines' magnitudes ix
// with the signs of xr.
func (c *coding) write(w *bitWriter, ix *[granule]int32, xr *[granule]float32) {
	big := 2 * c.bigValues
	edges := [4]int{0, min(c.regionStart[0], big), min(c.regionStart[1], big), big}
	for region, table := range c.tables {
		if table == 0 {
			continue
		}
		for i := edges[region]; i < edges[region+1]; i += 2 {
			writePair(w, table, ix[i], ix[i+1], xr[i] < 0, xr[i+1] < 0)
		}
	}
	for i := big; i < big+4*c.quads; i += 4 {
		quad := ix[i]<<3 | ix[i+1]<<2 | ix[i+2]<<1 | ix[i+3]
		if c.quadTableB {
			w.put(uint32(15-quad), 4)
		} else {
			w.put(wordsA[quad].bits, uint(wordsA[quad].length))
		}
		for j := i; j < i+4; j++ {
			if ix[j] != 0 {
				w.flag(xr[j] < 0)
			}
		}
	}
}

func writePair(w *bitWriter, table int, x, y int32, negX, negY bool) {
	word := words[table][min(x, 15)<<4|min(y, 15)]
	w.put(word.bits, uint(word.length))
	n := linbits[table]
	if n > 0 && x >= 15 {
		w.put(uint32(x-15), n)
	}
	if x != 0 {
		w.flag(negX)
	}
	if n > 0 && y >= 15 {
		w.put(uint32(y-15), n)
	}
	if y != 0 {
		w.flag(negY)
	}
}
