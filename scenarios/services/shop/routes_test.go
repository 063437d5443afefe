package shop_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"testing"
)

const goodOrder = `{"customer": "ada", "lines": [{"item": 17, "quantity": 2}, {"item": 1, "quantity": 1}]}`

func TestRoutesAnswer(t *testing.T) {
	s := start(t, "none")
	for _, row := range []struct {
		name   string
		r      request
		status int
		want   string // in the body
	}{
		{"the first page", request{"GET", "/items", ""}, 200, `],"after":20}`},
		{"a page", request{"GET", "/items?category=music&after=3&limit=2", ""}, 200, `"after":10}`},
		{"the last page", request{"GET", "/items?after=998&limit=2", ""}, 200, `{"items":[{"id":999,`},
		{"a page after the last", request{"GET", "/items?after=1000", ""}, 200, `{"items":[]}`},
		{"a wrong page", request{"GET", "/items?category=musik&after=-1&limit=101", ""}, 400,
			`category is \"musik\": want one of books, games, garden, kitchen, music (did you mean music?); ` +
				`after is \"-1\": want a number from 0 to 1000; limit is \"101\": want a number from 1 to 100`},
		{"an item", request{"GET", "/items/17", ""}, 200,
			`{"id":17,"name":"Heavy Chess Set No. 17","category":"games"`},
		{"no such item", request{"GET", "/items/1001", ""}, 404, `there is no item 1001: want 1 to 1000`},
		{"no number", request{"GET", "/items/x", ""}, 400, `the item is \"x\": want its number, 1 to 1000`},
		{"an order", request{"GET", "/orders/1000", ""}, 200, `{"id":1000,"customer":"customer 30"`},
		{"no such order", request{"GET", "/orders/1001", ""}, 404, `there is no order 1001: the latest is 1000`},
		{"order 0", request{"GET", "/orders/0", ""}, 404, `there is no order 0`},
		{"no order", request{"GET", "/orders/-1", ""}, 400, `the order is \"-1\": want its number`},
		{"health", request{"GET", "/healthz", ""}, 200, "ok\n"},
		{"memory", request{"GET", "/debug/pprof/heap?debug=1", ""}, 200, "# TotalAlloc = "},
		{"another method", request{"DELETE", "/orders/1", ""}, 405, ""},
		{"another path", request{"GET", "/customers", ""}, 404, ""},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, header, body := s.send(t, row.r, nil)
			if status != row.status || !strings.Contains(body, row.want) {
				t.Errorf("status %d, want %d\n%s\nwant %s", status, row.status, body, row.want)
			}
			if strings.HasPrefix(row.want, "{") && header.Get("Content-Type") != "application/json" {
				t.Errorf("%v", header)
			}
		})
	}
	if err := s.stop(); err != nil {
		t.Error(err)
	}
}

func TestAnOrderIsPricedAndCanBeReadAgain(t *testing.T) {
	s := start(t, "none")
	defer s.stop()
	status, header, body := s.send(t, request{"POST", "/orders", goodOrder}, nil)
	if status != http.StatusCreated || header.Get("Location") != "/orders/1001" {
		t.Fatalf("status %d, location %q\n%s", status, header.Get("Location"), body)
	}
	var o struct {
		ID    int `json:"id"`
		Lines []struct {
			PriceCents int `json:"price_cents"`
		} `json:"lines"`
		TotalCents int    `json:"total_cents"`
		Receipt    string `json:"receipt"`
	}
	if err := json.Unmarshal([]byte(body), &o); err != nil {
		t.Fatal(err)
	}
	const seventeenth, first = 199 + 16*7919%20_000, 199
	if o.ID != 1001 || o.Lines[0].PriceCents != seventeenth || o.Lines[1].PriceCents != first ||
		o.TotalCents != 2*seventeenth+first || len(o.Receipt) != 64 {
		t.Errorf("%+v", o)
	}
	if _, _, again := s.send(t, request{"GET", "/orders/1001", ""}, nil); again != body {
		t.Errorf("read again:\n%s\nwant\n%s", again, body)
	}
}

func TestAWrongOrderIsRefusedWithWhatIsWrong(t *testing.T) {
	s := start(t, "none")
	defer s.stop()
	lines := func(n int) string {
		return strings.TrimSuffix(strings.Repeat(`{"item": 1, "quantity": 1},`, n), ",")
	}
	for _, row := range []struct {
		name, body string
		status     int
		want       string
	}{
		{"empty", ``, 400, "the body is empty: want an order, such as {"},
		{"blank", " \n", 400, "the body is empty"},
		{"half", `{"customer": "a`, 400, "the body ends in the middle"},
		{"no JSON", `{"customer": ada}`, 400, "the body is no JSON at byte 14: invalid character 'a'"},
		{"another kind", `[]`, 400, "the body is a JSON array at byte 1"},
		{"another kind of field", `{"customer": 7}`, 400, "customer is a JSON number at byte 14"},
		{"a fraction", `{"lines": [{"item": 1.5}]}`, 400, "lines.item is a JSON number 1.5 at byte 23"},
		{"unknown field", `{"customer": "ada", "items": []}`, 400, `unknown field "items"`},
		{"two orders", goodOrder + goodOrder, 400, "the body goes on after byte "},
		{"rubbish after it", goodOrder + "]", 400, "the body goes on after byte "},
		{"null", `null`, 400, "customer has 0 characters: want 1 to 64; lines has 0 lines: want 1 to 50"},
		{"long name", `{"customer": "` + strings.Repeat("é", 65) + `", "lines": [` + lines(1) + `]}`, 400,
			"customer has 65 characters"},
		{"51 lines", `{"customer": "ada", "lines": [` + lines(51) + `]}`, 400, "lines has 51 lines: want 1 to 50"},
		{"50 lines", `{"customer": "` + strings.Repeat("é", 64) + `", "lines": [` + lines(50) + `]}`, 201,
			`"id":1001`},
		{"wrong lines", `{"customer": "ada", "lines": [{"item": 0, "quantity": 1}, {"item": 1001, "quantity": 101}]}`,
			400, "lines[0].item is 0: want 1 to 1000; lines[1].item is 1001: want 1 to 1000; " +
				"lines[1].quantity is 101: want 1 to 100"},
		{"too large", `{"customer": "` + strings.Repeat("a", 64<<10), 413, "the body has more than 65536 bytes"},
		{"too much after it", goodOrder + strings.Repeat(" ", 64<<10), 413, "the body has more than 65536 bytes"},
	} {
		t.Run(row.name, func(t *testing.T) {
			status, _, body := s.send(t, request{"POST", "/orders", row.body}, nil)
			text := body
			if row.status != http.StatusCreated {
				var answer struct{ Error string }
				if err := json.Unmarshal([]byte(body), &answer); err != nil {
					t.Errorf("%v", err)
				}
				text = answer.Error
			}
			if status != row.status || !strings.Contains(text, row.want) {
				t.Errorf("status %d, want %d\n%s\nwant %s", status, row.status, text, row.want)
			}
		})
	}
}

// However many orders come, the first ones and the latest are kept, and no others.
func TestTheShopKeepsAFixedNumberOfOrders(t *testing.T) {
	const first, kept, placed = 1000, 4096, 4100
	s := start(t, "none")
	defer s.stop()
	var clients sync.WaitGroup
	for range 4 {
		clients.Go(func() {
			for range placed / 4 {
				if status, _, body := s.send(t, request{"POST", "/orders", goodOrder}, nil); status != 201 {
					t.Errorf("status %d\n%s", status, body)
					return
				}
			}
		})
	}
	clients.Wait()
	for id, want := range map[int]int{1: 200, first: 200, first + 1: 404, first + placed - kept: 404,
		first + placed - kept + 1: 200, first + placed: 200, first + placed + 1: 404} {
		status, _, body := s.send(t, request{"GET", fmt.Sprintf("/orders/%d", id), ""}, nil)
		if status != want {
			t.Errorf("order %d: status %d, want %d\n%s", id, status, want, body)
		}
		if id == first+1 && !strings.Contains(body, "no longer kept: the shop keeps the first 1000 and the "+
			"latest 4096") {
			t.Errorf("%s", body)
		}
	}
}
