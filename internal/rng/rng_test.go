package rng_test

import (
	"testing"

	"github.com/loadgen-go/loadgen/internal/rng"
)

// A seed that was noted makes the same run in every later version.
func TestStreamsKeepTheirNumbers(t *testing.T) {
	for _, c := range []struct {
		name         string
		stream       rng.Stream
		first, start uint64
	}{
		{"arrivals", rng.Arrivals, 0x9e2fb1ae31686d3d, 0xe099ec6cd7363ca5},
		{"keys", rng.Keys, 0xa0478edb161b8564, 0xb9f24f7bae4a6586},
		{"work", rng.Work, 0xcd9b4bf97e73e8c1, 0x2298eb42cbbefdb8},
		{"rounds", rng.Rounds + 1, 0xa095d867f82094b2, 0xa906cb94e06052b2},
		{"order", rng.Order, 0x67e1cca8f54eedb8, 0x2912ca2701f66fe9},
		{"scaling", rng.Scaling, 0x8ddfb23889c1c930, 0x6192bd91b5d5c028},
		{"splits", rng.Splits, 0xb12c9cd87563f1b8, 0x4b94cf7317024c7},
		{"requests", rng.Requests + 1, 0xa19e25221ee81a03, 0xb2fa3c3efa92ce1d},
		{"rows", rng.Rows, 0x408ec497c9581840, 0xb40bbb072444665b},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := rng.New(7, c.stream).Uint64(); got != c.first {
				t.Errorf("the first number is %#x, want %#x", got, c.first)
			}
			if got := rng.Start(7, c.stream); got != c.start {
				t.Errorf("Start returns %#x, want %#x", got, c.start)
			}
		})
	}
}

// These are the published outputs of SplitMix64 for the seed 1234567. It counts by Golden and mixes.
func TestMixIsThatOfSplitMix64(t *testing.T) {
	for i, want := range []uint64{6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431,
		16408922859458223821} {
		if got := rng.Mix(1234567 + uint64(i+1)*rng.Golden); got != want {
			t.Errorf("number %d is %d, want %d", i+1, got, want)
		}
	}
}
