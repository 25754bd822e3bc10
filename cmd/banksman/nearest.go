package main

// nearest is the name that a mistyped one was probably meant to be: at most a
// third of its letters differ. "" where there is none, or more than one.
func nearest(typed string, names []string) string {
	best, found := len([]rune(typed))/3+1, ""
	for _, name := range names {
		switch d := distance(typed, name); {
		case d < best:
			best, found = d, name
		case d == best && name != found:
			found = ""
		}
	}
	return found
}

// distance counts the letters to put in, leave out, exchange or swap with their
// neighbour to make b of a.
func distance(a, b string) int {
	from, to := []rune(a), []rune(b)
	rows := make([][]int, len(from)+1)
	for i := range rows {
		rows[i] = make([]int, len(to)+1)
		rows[i][0] = i
	}
	for j := range to {
		rows[0][j+1] = j + 1
	}
	for i, x := range from {
		for j, y := range to {
			changed := 1
			if x == y {
				changed = 0
			}
			least := min(rows[i][j+1]+1, rows[i+1][j]+1, rows[i][j]+changed)
			if i > 0 && j > 0 && x == to[j-1] && y == from[i-1] {
				least = min(least, rows[i-1][j-1]+1)
			}
			rows[i+1][j+1] = least
		}
	}
	return rows[len(from)][len(to)]
}
