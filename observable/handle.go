package observable

import "context"

// A Handle is a key looked up once. It calls what the key stands for now: after a
// Replace the new handler. After a Remove it returns an [*UnknownKeyError], which
// allocates nothing, and does so for ever: a key that is registered anew is another
// one, with an account of its own, and needs another Handle. It is safe for
// concurrent use.
type Handle entry

// Handle looks key up, for calls that are to be free of that. A key that is not
// registered is an [*UnknownKeyError].
func (m *Map) Handle(key string) (*Handle, error) {
	e, err := m.lookUp(key)
	return (*Handle)(e), err
}

// Call is [Map.Call] of the key.
func (h *Handle) Call(ctx context.Context) error { return (*entry)(h).call(ctx) }

// Stats is the account of the key, as in [Map.Snapshot]. It goes on after a Remove,
// as do calls that run then; From is empty then.
func (h *Handle) Stats() Stats { return (*entry)(h).stats() }
