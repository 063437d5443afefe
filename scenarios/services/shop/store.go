package shop

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
)

const (
	itemCount = 1000 // items have the numbers 1 to itemCount
	// firstOrders is the number of orders that are there from the start and stay, so that a load can read them.
	firstOrders = 1000
	// keptOrders is the number of orders that are kept besides: the latest ones.
	keptOrders = 4096
)

// An item is something for sale.
type item struct {
	ID          int      `json:"id"`
	Name        string   `json:"name"`
	Category    string   `json:"category"`
	PriceCents  int      `json:"price_cents"`
	Tags        []string `json:"tags"`
	Description string   `json:"description"`
}

// categories are the values of item.Category.
var categories = []string{"books", "games", "garden", "kitchen", "music"}

// newItems returns the catalogue, which is the same in every process. Item n is at index n-1.
func newItems() []item {
	adjectives := []string{"Quiet", "Bright", "Heavy", "Small", "Round", "Plain", "Swift"}
	nouns := map[string][]string{
		"books":   {"Atlas", "Novel", "Diary"},
		"games":   {"Chess Set", "Puzzle", "Dice"},
		"garden":  {"Spade", "Lantern", "Bench"},
		"kitchen": {"Kettle", "Bowl", "Grater"},
		"music":   {"Drum", "Flute", "Music Stand"},
	}
	items := make([]item, itemCount)
	for i := range items {
		category := categories[i%len(categories)]
		noun := nouns[category][i/len(categories)%3]
		adjective := adjectives[i%len(adjectives)]
		items[i] = item{
			ID:         i + 1,
			Name:       fmt.Sprintf("%s %s No. %d", adjective, noun, i+1),
			Category:   category,
			PriceCents: 199 + i*7919%20_000,
			Tags:       []string{category, strings.ToLower(adjective)},
			Description: fmt.Sprintf("A %s %s that does what it is for. Batch %d.", strings.ToLower(adjective),
				strings.ToLower(noun), i%17),
		}
	}
	return items
}

// An order is what a customer buys. The shop sets ID, the prices, TotalCents and Receipt.
type order struct {
	ID         uint64 `json:"id"`
	Customer   string `json:"customer"`
	Lines      []line `json:"lines"`
	TotalCents int    `json:"total_cents"`
	Receipt    string `json:"receipt"` // the SHA-256 of the order with no number and no receipt
}

// A line is a number of one item.
type line struct {
	Item       int `json:"item"`
	Quantity   int `json:"quantity"`
	PriceCents int `json:"price_cents"` // of one
}

// A store has the items and the orders. Its methods may be called by several goroutines at once.
type store struct {
	items []item

	mu    sync.RWMutex
	first []*order           // the orders 1 to firstOrders
	ring  [keptOrders]*order // order n is at n % keptOrders
	last  uint64             // the number of the latest order
}

// newStore returns a store with the first orders.
func newStore() (*store, error) {
	s := &store{items: newItems()}
	for i := range firstOrders {
		o := &order{
			Customer: fmt.Sprintf("customer %d", i%97+1),
			Lines:    []line{{Item: i%itemCount + 1, Quantity: i%3 + 1}, {Item: i*7%itemCount + 1, Quantity: 1}},
		}
		if err := s.place(o); err != nil {
			return nil, err
		}
	}
	return s, nil
}

// page returns at most limit items of a category after the item with the number after. If category is "", items of
// all categories count. It also returns whether there are more.
func (s *store) page(category string, after, limit int) (page []item, more bool) {
	page = make([]item, 0, limit)
	for i := min(after, itemCount); i < itemCount; i++ {
		if category != "" && s.items[i].Category != category {
			continue
		}
		if len(page) == limit {
			return page, true
		}
		page = append(page, s.items[i])
	}
	return page, false
}

// item returns an item by its number.
func (s *store) item(id int) (*item, error) {
	if id < 1 || id > itemCount {
		return nil, problem(http.StatusNotFound, "there is no item %d: want 1 to %d", id, itemCount)
	}
	return &s.items[id-1], nil
}

// place prices a checked order, signs it, gives it the next number, and keeps it. The order must not be changed
// afterwards.
func (s *store) place(o *order) error {
	o.TotalCents = 0
	for i := range o.Lines {
		l := &o.Lines[i]
		found, err := s.item(l.Item)
		if err != nil {
			return err
		}
		l.PriceCents = found.PriceCents
		o.TotalCents += l.PriceCents * l.Quantity
	}
	text, err := json.Marshal(o)
	if err != nil {
		return fmt.Errorf("signing an order: %w", err)
	}
	sum := sha256.Sum256(text)
	o.Receipt = hex.EncodeToString(sum[:])
	s.mu.Lock()
	defer s.mu.Unlock()
	s.last++
	if o.ID = s.last; o.ID <= firstOrders {
		s.first = append(s.first, o)
	} else {
		s.ring[o.ID%keptOrders] = o
	}
	return nil
}

// order returns an order by its number. It must not be changed.
func (s *store) order(id uint64) (*order, error) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if id >= 1 && id <= uint64(len(s.first)) {
		return s.first[id-1], nil
	}
	if o := s.ring[id%keptOrders]; o != nil && o.ID == id {
		return o, nil
	}
	if id == 0 || id > s.last {
		return nil, problem(http.StatusNotFound, "there is no order %d: the latest is %d", id, s.last)
	}
	return nil, problem(http.StatusNotFound, "order %d is no longer kept: the shop keeps the first %d and the "+
		"latest %d", id, firstOrders, keptOrders)
}

// knownCategory reports whether items can be of a category.
func knownCategory(name string) bool { return slices.Contains(categories, name) }
