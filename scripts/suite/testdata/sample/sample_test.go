// Package sample has one test for each way in which a test can end.
package sample

import "testing"

func TestPasses(t *testing.T) {}

func TestIsSkipped(t *testing.T) { t.Skip("there is nothing to see") }

func TestFailsInARow(t *testing.T) {
	t.Run("good", func(t *testing.T) {})
	t.Run("bad", func(t *testing.T) { t.Error("2 is not 3") })
}

func TestPanics(t *testing.T) { panic("boom") }
