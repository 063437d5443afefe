package observable

import (
	"context"
	"testing"
)

// If Invoke took the lock, this test would not end.
func TestInvokeTakesNoLock(t *testing.T) {
	var methods Methods
	if err := RegisterMethod(&methods, "Double", func(_ context.Context, n int) (int, error) {
		return 2 * n, nil
	}); err != nil {
		t.Fatal(err)
	}
	methods.mu.Lock()
	defer methods.mu.Unlock()
	if got, err := Invoke[int, int](t.Context(), &methods, "Double", 21); got != 42 || err != nil {
		t.Errorf("Invoke = %v, %v", got, err)
	}
}
